// Elements of SVG and HTML. Texts are set as text, so nothing in them is read as markup.

const NAMESPACE = "http://www.w3.org/2000/svg";

/** Make an SVG element within a parent. */
export function draw(parent, name, attributes = {}, text = "") {
  const element = document.createElementNS(NAMESPACE, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text) element.textContent = text;
  parent.append(element);
  return element;
}

/** Make a drawing that replaces the former one of a container; `label` says what it shows. */
export function canvas(container, width, height, label) {
  const svg = document.createElementNS(NAMESPACE, "svg");
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", label);
  container.replaceChildren(svg);
  return svg;
}

/** Make an HTML element with a text. */
export function element(name, text = "", className = "") {
  const made = document.createElement(name);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

/** Round numbers for the lines of a scale from 0, about `count` of them. */
export function scaleLines(highest, count = 4) {
  if (!(highest > 0)) return [0];
  const rough = highest / count;
  const magnitude = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((each) => each * magnitude >= rough) * magnitude;
  const lines = [];
  for (let number = 0; number <= highest * 1.0001; number += step) lines.push(number);
  return lines;
}
