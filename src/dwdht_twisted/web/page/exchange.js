// The forms that put and get values. What is found is shown as text, never as markup.

import { countOf } from "./format.js";

const field = (id) => document.getElementById(id);

/** Show what a writer needs; see the field `writing` of the status. */
export function showWriting(writing) {
  field("token-row").hidden = writing !== "token";
  field("put-button").disabled = writing === "refused";
  if (writing === "refused") {
    tell("put-outcome", "This server takes no writes: it has neither a token nor a client CA.");
  }
}

function tell(id, text, isFailure = false) {
  field(id).textContent = text;
  field(id).classList.toggle("failed", isFailure);
}

/** The reason of a refusal, as the server gives it. */
async function reasonOf(answer) {
  try {
    return (await answer.json()).detail || answer.statusText;
  } catch {
    return `${answer.status} ${answer.statusText}`;
  }
}

async function keyOf(value) {
  if (!crypto.subtle) throw new Error("the browser computes keys only over HTTPS or on localhost");
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", value));
  return [...hash].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function put() {
  const value = new TextEncoder().encode(field("value").value);
  tell("put-outcome", "Storing …");
  const key = await keyOf(value);
  const headers = { "Content-Type": "application/octet-stream" };
  if (field("token").value) headers.Authorization = `Bearer ${field("token").value}`;
  const answer = await fetch(`/values/${key}`, { method: "PUT", body: value, headers });
  if (!answer.ok) throw new Error(await reasonOf(answer));
  tell("put-outcome", `Stored under ${key}`);
  field("key").value = key;
}

async function get() {
  field("found").hidden = true;
  tell("get-outcome", "Looking …");
  const answer = await fetch(`/values/${field("key").value.trim().toLowerCase()}`);
  if (!answer.ok) throw new Error(await reasonOf(answer));
  const value = new Uint8Array(await answer.arrayBuffer());
  let text;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(value);
  } catch {
    text = [...value].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
  }
  tell("get-outcome", `Found ${countOf(value.length, "byte")}.`);
  field("found").textContent = text;
  field("found").hidden = false;
}

/** Run a function when a form is submitted, and show its failure. */
function onSubmit(id, outcome, run) {
  field(id).addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await run();
    } catch (error) {
      tell(outcome, `It failed: ${error.message}.`, true);
    }
  });
}

onSubmit("put", "put-outcome", put);
onSubmit("get", "get-outcome", get);
