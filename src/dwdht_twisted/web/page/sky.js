// The routing table: this node in the middle, its contacts on rings by distance.

import { addressOf, closeness, count, countOf, seconds, sharedBits, shortId } from "./format.js";
import { canvas, draw, element } from "./svg.js";

const SIZE = 460;
const MIDDLE = SIZE / 2;
const OUTER = 206;
const INNER = 34;

// Contacts that were heard within this time, in seconds, are drawn full.
const FRESH = 60;

const kindOf = (entry) => (entry.isLate ? "late" : entry.silence <= FRESH ? "proven" : "older");

/** The angle of a contact: the bits after those that it shares, which are spread evenly. */
function angleOf(id, own) {
  const shared = Math.min(sharedBits(id, own), 223);
  const rest = (BigInt(`0x${id}`) >> BigInt(256 - shared - 1 - 24)) & 0xffffffn;
  return (Number(rest) / 2 ** 24) * 2 * Math.PI;
}

export function showTable(own, table) {
  const entries = table.filter((entry) => entry.id !== null);
  const deepest = Math.max(5, ...entries.map((entry) => sharedBits(entry.id, own) + 1));
  const radius = (bits) => OUTER - ((OUTER - INNER) * bits) / deepest;
  const late = entries.filter((entry) => entry.isLate).length;
  const svg = canvas(
    document.getElementById("sky"), SIZE, SIZE,
    `${countOf(entries.length, "contact")} by distance from this node, ${late} of them late`,
  );
  for (let bits = 0; bits <= deepest; bits += 1) {
    draw(svg, "circle", { class: "ring", cx: MIDDLE, cy: MIDDLE, r: radius(bits) });
  }
  for (const entry of entries) {
    const distance = radius(Math.min(closeness(entry.id, own), deepest));
    const angle = angleOf(entry.id, own);
    const dot = draw(svg, "circle", {
      class: `dot ${kindOf(entry)}`,
      cx: (MIDDLE + distance * Math.cos(angle)).toFixed(1),
      cy: (MIDDLE + distance * Math.sin(angle)).toFixed(1),
      r: 5.5,
    });
    const heard = entry.isLate ? "late" : `heard ${seconds(entry.silence)} ago`;
    draw(dot, "title", {}, `${shortId(entry.id)} at ${addressOf(entry)}, ${heard}`);
  }
  draw(svg, "circle", { class: "self", cx: MIDDLE, cy: MIDDLE, r: 7 });
  for (let bits = 0; bits < deepest; bits += deepest > 8 ? 2 : 1) {
    const y = MIDDLE - radius(bits) - 5;
    draw(svg, "text", { x: MIDDLE, y, "text-anchor": "middle" }, bits === 0 ? "0 bits shared" : `${bits}`);
  }
  showRows(own, entries);
}

function showRows(own, entries) {
  const rows = document.getElementById("contact-rows");
  if (!rows.closest("details").open && rows.childElementCount > 0) return;
  const sorted = [...entries].sort((one, other) => closeness(other.id, own) - closeness(one.id, own));
  rows.replaceChildren(
    ...sorted.map((entry) => {
      const row = document.createElement("tr");
      row.append(
        element("td", entry.id.slice(0, 12)),
        element("td", addressOf(entry)),
        element("td", count(sharedBits(entry.id, own)), "number"),
        element("td", entry.isLate ? "late" : `${seconds(entry.silence)} ago`, entry.isLate ? "late" : ""),
      );
      return row;
    }),
  );
}
