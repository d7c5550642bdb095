// The status page of a node: asks for the status every two seconds, and listens to its lookups.

import { showWriting } from "./exchange.js";
import { addressOf, bytes, count, countOf, seconds } from "./format.js";
import { takeStep } from "./lookups.js";
import { takeCounters } from "./rates.js";
import { showTable } from "./sky.js";
import { canvas, draw, element } from "./svg.js";

// The time between two requests for the status, in milliseconds.
const INTERVAL = 2000;

const STEPS = ["started", "asked", "answered", "late", "punched", "failed", "ended"];

const set = (id, text) => {
  const field = document.getElementById(id);
  if (field.textContent !== text) field.textContent = text;
};

function showHealth(state, reason) {
  const health = document.getElementById("health");
  health.className = `health ${["online", "degraded", "offline"].includes(state) ? state : "offline"}`;
  set("health-state", state);
  set("health-reason", reason);
}

function showStore(store) {
  set("values", store ? count(store.values) : "–");
  set("values-note", store ? `${bytes(store.bytes)} of ${bytes(store.maximumBytes)}` : "no store");
  const container = document.getElementById("store-bar");
  if (!store) {
    container.replaceChildren();
    return;
  }
  const share = store.maximumBytes ? store.bytes / store.maximumBytes : 0;
  const percent = `${(share * 100).toFixed(share < 0.1 ? 2 : 0)} %`;
  const svg = canvas(container, 560, 12, `The store is filled to ${percent}`);
  draw(svg, "rect", { class: "room", width: 560, height: 8, y: 4, rx: 4 });
  draw(svg, "rect", { class: "share", width: Math.max(4, 560 * share), height: 8, y: 4, rx: 4 });
}

function showFacts(status) {
  const { standing, store, peers, counters } = status;
  const reach = { true: ", and reached there", false: ", and not reached there" };
  const seen = standing.address
    ? `${addressOf(standing.address)}${reach[standing.isReachable] ?? ""}`
    : "not known yet";
  const facts = [
    ["Seen by others at", seen],
    ["Kind", status.ephemeral ? "ephemeral: others do not list it" : "member of the network"],
    ["Served", `${countOf(counters.queriesServed, "query").replace("querys", "queries")} and ${countOf(counters.updatesServed, "update")}`],
    ["Dropped", `${count(counters.rateLimited)} over the rate, ${count(counters.malformed)} malformed, ${count(counters.unexpected)} unexpected`],
  ];
  if (store) facts.unshift(["Largest share of a host", `${bytes(store.largestShare)} of ${bytes(store.maximumBytes)}`]);
  if (peers) facts.push(["Announcements", count(peers.announcements)]);
  document.getElementById("facts").replaceChildren(
    ...facts.flatMap(([name, text]) => [element("dt", name), element("dd", text)]),
  );
}

function show(status) {
  document.title = `${status.health.state}: node ${status.id.slice(0, 8)}`;
  set("id", status.id.slice(0, 16));
  set("address", `${addressOf(status.address)}, up for ${seconds(status.uptime)}`);
  set("version", `dwdht_twisted ${status.version}`);
  showHealth(status.health.state, status.health.reason);
  const late = status.table.filter((entry) => entry.isLate).length;
  set("contacts", count(status.table.length));
  set("contacts-note", late ? `${count(late)} late` : "none late");
  set("network", status.networkSize ? count(status.networkSize) : "not known");
  const { counts, total } = status.distributions.lookupTimes;
  const lookups = counts.reduce((sum, each) => sum + each, 0);
  set("queries", count(lookups));
  set("queries-note", lookups ? `${seconds(total / lookups)} on average` : "none so far");
  showTable(status.id, status.table);
  showStore(status.store ?? null);
  showFacts(status);
  showWriting(status.writing);
  takeCounters(status.counters, status.uptime);
}

async function refresh() {
  try {
    const answer = await fetch("/status");
    if (!answer.ok) throw new Error(`the server answers ${answer.status}`);
    show(await answer.json());
  } catch (error) {
    showHealth("no connection", error.message);
  }
  setTimeout(refresh, INTERVAL);
}

const events = new EventSource("/lookups");
for (const kind of STEPS) {
  events.addEventListener(kind, (event) => takeStep(JSON.parse(event.data)));
}
refresh();
