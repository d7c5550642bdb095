// The lookups of the node: each request by its time and by the distance of the node from the target.

import { addressOf, closeness, countOf, seconds, shortId } from "./format.js";
import { canvas, draw, element, scaleLines } from "./svg.js";

const LEAST_WIDTH = 280;
const HEIGHT = 300;
const LEFT = 44;
const RIGHT = 14;
const TOP = 14;
const BOTTOM = 34;

// The lookups that are kept and listed, and the time for which a lookup is shown before a later one
// takes its place, in milliseconds.
const KEPT = 24;
const LISTED = 6;
const SHOWN_FOR = 4000;

const STATES = { asked: "waiting", answered: "proven", late: "late", punched: "late", failed: "silent" };

class Lookup {
  constructor(step) {
    this.number = step.lookup;
    this.command = step.command;
    this.target = step.target;
    this.startedAt = step.time;
    this.seconds = 0;
    this.isOver = false;
    this.reason = "";
    this.nodes = new Map();
  }

  take(step) {
    this.seconds = step.time - this.startedAt;
    if (step.kind === "ended") {
      this.isOver = true;
      this.reason = step.reason || "";
    }
    if (!step.node) return;
    const address = addressOf(step.node);
    const node = this.nodes.get(address) || { address, askedAt: this.seconds, hops: step.hops || 0 };
    node.id = step.node.id;
    if (step.kind === "asked" && step.referrer) node.referrer = addressOf(step.referrer);
    if (step.kind === "answered") node.hasValue = (step.size ?? null) !== null;
    node.state = STATES[step.kind] || "waiting";
    node.at = step.kind === "asked" ? null : this.seconds;
    this.nodes.set(address, node);
  }

  count(state) {
    return [...this.nodes.values()].filter((node) => node.state === state).length;
  }

  describe() {
    const late = this.count("late") + this.count("silent");
    const answered = `${this.count("proven")} of ${countOf(this.nodes.size, "node")} answered`;
    return `${answered}${late ? `, ${late} late` : ""}`;
  }
}

const lookups = new Map();
let shown = null;
let shownSince = 0;
let isChosen = false;
let isDue = false;

/** Take a step of a lookup, as the server sends it. */
export function takeStep(step) {
  let lookup = lookups.get(step.lookup);
  if (!lookup) {
    if (step.kind !== "started") return;
    lookup = new Lookup(step);
    lookups.set(step.lookup, lookup);
    for (const number of lookups.keys()) {
      if (lookups.size <= KEPT) break;
      lookups.delete(number);
    }
  }
  lookup.take(step);
  if (!isDue) {
    isDue = true;
    requestAnimationFrame(show);
  }
}

function show() {
  isDue = false;
  const latest = [...lookups.values()].filter((each) => each.nodes.size > 0);
  if (!latest.length) return;
  const isStale = !isChosen && performance.now() - shownSince > SHOWN_FOR;
  if (shown === null || !lookups.has(shown.number) || isStale) choose(latest.at(-1));
  drawLookup(shown);
  listLookups(latest.slice(-LISTED).reverse());
}

function choose(lookup) {
  shown = lookup;
  shownSince = performance.now();
}

function listLookups(latest) {
  const list = document.getElementById("lookup-list");
  latest.forEach((lookup, place) => {
    let button = list.children[place]?.firstElementChild;
    if (!button) {
      button = document.createElement("button");
      button.type = "button";
      button.append(element("span", "", "mono"), element("span", "", "quiet"), element("span", "", "time"));
      button.addEventListener("click", () => {
        const picked = lookups.get(Number(button.dataset.number));
        if (!picked) return;
        isChosen = !(isChosen && shown === picked);
        choose(picked);
        show();
      });
      const item = document.createElement("li");
      item.append(button);
      list.append(item);
    }
    button.dataset.number = lookup.number;
    button.setAttribute("aria-pressed", String(lookup === shown));
    const [target, text, time] = button.children;
    target.textContent = `${lookup.target.slice(0, 16)} ${lookup.command}`;
    text.textContent = lookup.describe();
    time.textContent = lookup.isOver ? seconds(lookup.seconds) : "running";
  });
}

function drawLookup(lookup) {
  const nodes = [...lookup.nodes.values()].map((node) => ({
    ...node,
    closeness: node.id === null ? null : closeness(node.id, lookup.target),
  }));
  const known = nodes.map((node) => node.closeness).filter((each) => each !== null && each < 256);
  const highest = Math.max(4, ...known) + 0.5;
  const latest = Math.max(lookup.seconds, 0.001);
  const bottom = HEIGHT - BOTTOM;
  const container = document.getElementById("lookup");
  const width = Math.max(LEAST_WIDTH, container.clientWidth);
  const x = (time) => LEFT + (Math.max(0, time) / latest) * (width - LEFT - RIGHT);
  const y = (bits) => TOP + (Math.min(bits ?? 0, highest) / highest) * (bottom - TOP);

  const text = `${shortId(lookup.target)}: ${lookup.describe()} in ${seconds(lookup.seconds)}`;
  document.getElementById("lookup-text").textContent =
    `${text}${lookup.isOver && lookup.reason ? `; ${lookup.reason}` : ""}.`;
  const svg = canvas(container, width, HEIGHT, `Lookup of ${text}`);
  for (const bits of scaleLines(highest, 5)) {
    draw(svg, "line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: y(bits), y2: y(bits) });
    draw(svg, "text", { x: LEFT - 10, y: y(bits) + 4, "text-anchor": "end" }, `${bits}`);
  }
  const isLong = latest >= 2;
  for (const time of scaleLines(isLong ? latest : latest * 1000, width / 110)) {
    const left = x(isLong ? time : time / 1000);
    const label = `${+time.toPrecision(6)}${isLong ? " s" : " ms"}`;
    draw(svg, "text", { x: left, y: HEIGHT - 10, "text-anchor": "middle" }, label);
  }
  const label = draw(svg, "text", { "text-anchor": "middle" }, "bits shared with the target");
  label.setAttribute("transform", `translate(12 ${(TOP + bottom) / 2}) rotate(-90)`);
  const byAddress = new Map(nodes.map((node) => [node.address, node]));
  for (const node of nodes) {
    const referrer = byAddress.get(node.referrer);
    if (!referrer || referrer.at === null) continue;
    const [x1, y1] = [x(referrer.at), y(referrer.closeness)];
    const [x2, y2] = [x(node.askedAt), y(node.closeness)];
    const bend = x1 + Math.max(12, (x2 - x1) / 2);
    draw(svg, "path", { class: "way", d: `M${x1} ${y1}C${bend} ${y1} ${bend} ${y2} ${x2} ${y2}` });
  }
  for (const node of nodes) {
    const end = node.at ?? lookup.seconds;
    const height = y(node.closeness);
    draw(svg, "line", { class: "wait", x1: x(node.askedAt), x2: x(end), y1: height, y2: height });
  }
  for (const node of nodes) {
    const place = { cx: x(node.at ?? lookup.seconds).toFixed(1), cy: y(node.closeness).toFixed(1) };
    const dot = draw(svg, "circle", { class: `dot ${node.state}`, ...place, r: 5 });
    draw(dot, "title", {}, `${shortId(node.id)} at ${node.address}, ${countOf(node.hops, "hop")}`);
    if (node.hasValue) draw(svg, "circle", { class: "holder", ...place, r: 8.5 });
  }
}
