// Rates over time, from the counters of the status.

import { bytes, decimal } from "./format.js";
import { canvas, draw, element } from "./svg.js";

const HEIGHT = 120;
const BOTTOM = 18;
const TOP = 14;

// The time that a plot covers, in seconds.
const COVERED = 300;

const PLOTS = [
  { name: "Requests answered a second", unit: decimal, of: (c) => c.responsesSent },
  { name: "Requests sent a second", unit: decimal, of: (c) => c.requestsSent },
  {
    name: "Traffic a second",
    unit: bytes,
    of: (c) =>
      c.requestBytesReceived + c.requestBytesSent + c.responseBytesReceived + c.responseBytesSent,
  },
  { name: "Late answers a second", unit: decimal, of: (c) => c.answersLate },
];

// The time over which a rate is the mean, in seconds. Shorter: single lookups make the lines jump.
const MEAN_OVER = 10;

const samples = [];
const series = PLOTS.map(() => []);

/** Take the counters of a status, and draw the plots anew. */
export function takeCounters(counters, uptime) {
  // After a restart, the counters begin anew.
  if (samples.length && uptime < samples.at(-1).uptime) {
    samples.splice(0);
    series.forEach((points) => points.splice(0));
  }
  if (samples.length && uptime === samples.at(-1).uptime) return;
  samples.push({ counters, uptime });
  while (samples.length > 2 && samples[1].uptime <= uptime - MEAN_OVER) samples.shift();
  const [first] = samples;
  PLOTS.forEach((plot, place) => {
    if (samples.length > 1) {
      const rate = (plot.of(counters) - plot.of(first.counters)) / (uptime - first.uptime);
      series[place].push({ at: uptime, rate: Math.max(0, rate) });
      while (series[place][0].at < uptime - COVERED) series[place].shift();
    }
    show(plot, place, uptime);
  });
}

function figureOf(place) {
  const container = document.getElementById("rates");
  while (container.childElementCount <= place) {
    const figure = document.createElement("figure");
    const caption = document.createElement("figcaption");
    caption.append(element("span", PLOTS[container.childElementCount].name), element("span", "–", "now"));
    figure.append(caption, document.createElement("div"));
    container.append(figure);
  }
  return container.children[place];
}

function show(plot, place, now) {
  const [caption, drawing] = figureOf(place).children;
  const points = series[place];
  if (!points.length) return;
  const last = plot.unit(points.at(-1).rate);
  caption.lastElementChild.textContent = last;
  const covered = Math.max(20, now - points[0].at);
  const highest = Math.max(...points.map((point) => point.rate), 1e-9);
  const width = Math.max(120, drawing.clientWidth);
  const x = (at) => width - ((now - at) / covered) * width;
  const y = (rate) => HEIGHT - BOTTOM - (rate / highest) * (HEIGHT - BOTTOM - TOP);
  const svg = canvas(drawing, width, HEIGHT, `${plot.name}: ${last} now, at most ${plot.unit(highest)}`);
  const base = HEIGHT - BOTTOM;
  draw(svg, "line", { class: "grid", x1: 0, x2: width, y1: TOP, y2: TOP });
  draw(svg, "line", { class: "grid", x1: 0, x2: width, y1: base, y2: base });
  const line = points.map((point) => `${x(point.at).toFixed(1)} ${y(point.rate).toFixed(1)}`).join("L");
  const start = x(points[0].at).toFixed(1);
  draw(svg, "path", { class: "area", d: `M${start} ${base}L${line}L${width} ${base}Z` });
  draw(svg, "path", { class: "curve", d: `M${line}` });
  if (highest > 1e-9) draw(svg, "text", { x: 0, y: TOP - 4 }, plot.unit(highest));
  draw(svg, "text", { x: 0, y: HEIGHT - 3 }, `${Math.round(covered)} s ago`);
  draw(svg, "text", { x: width, y: HEIGHT - 3, "text-anchor": "end" }, "now");
}
