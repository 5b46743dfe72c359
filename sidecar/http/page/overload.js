// What gives under load and why it flows as it does: the topics with their policies, what is shed of them, the circuit breaker, and the flow control
// in one line. Tables are written anew only when one of their texts changes.

import * as format from "./format.js";
import { write } from "./panels.js";

let topicColumns = [];
let shedColumns = [];

export function describe(hello) {
  topicColumns = hello.topic_columns;
  shedColumns = hello.shed_columns;
}

const named = (columns, values) => Object.fromEntries(columns.map((name, index) => [name, values[index]]));

// The reason is left out where the sentence above has it already.
export function showBreaker({ flow, why }) {
  const next = flow.breaker === "open" && flow.next_probe_in !== null ? ` · next probe in ${format.span(flow.next_probe_in)}` : "";
  const reason = flow.breaker_reason && !why.sentence.includes(flow.breaker_reason) ? `: ${flow.breaker_reason}` : "";
  write("breaker", flow.breaker === "closed" ? "" : `Circuit breaker ${format.words(flow.breaker)}${reason}${next}`);
}

export function showControl({ flow, control }) {
  const { cost, decision } = control;
  const most = flow.concurrency_limit === flow.max_in_flight ? ", and no more are allowed" : ` of ${format.count(flow.max_in_flight)} allowed`;
  const parts = [
    `${format.count(flow.batch_records)} records a batch`,
    `${format.span(flow.interval)} at most until it is sent`,
    `${plural(flow.concurrency_limit, "flush", "flushes")} at once${most}`,
  ];
  const costs = cost && cost.fixed_seconds >= 0 && cost.per_record_seconds >= 0 // sizes that were too alike make nonsense of the fit
    ? ` A flush costs ${fine(cost.fixed_seconds)} and ${fine(cost.per_record_seconds)} a record.` : "";
  write("control-now", `${parts.join(", ")}.${costs}`);
  write("control-why", decision ? `Last turn ${format.span(Math.floor(decision.seconds_ago))} ago: ${turned(decision)}` : "No dial was turned yet.");
}

function turned({ dial, before, after, reason }) {
  const text = dial === "interval" ? format.span : format.count;
  return `${dial} ${text(before)} → ${text(after)}: ${reason}`;
}

const plural = (number, one, many) => `${format.count(number)} ${number === 1 ? one : many}`;

// Costs of a record are microseconds.
const fine = (seconds) => (seconds < 0.0001 ? `${format.rate(seconds * 1e6)} µs` : format.span(seconds));

const shown = new Map();

// Rows of cells; a cell is a text, or a text with a note below it.
function fill(id, rows) {
  const text = JSON.stringify(rows);
  if (shown.get(id) === text) return;
  shown.set(id, text);
  document.getElementById(id).replaceChildren(...rows.map(({ tone, cells }) => {
    const row = document.createElement("tr");
    if (tone) row.dataset.tone = tone;
    row.append(...cells.map((value, index) => cell(value, index)));
    return row;
  }));
}

function cell(value, index) {
  const { text, note = "", number = false } = typeof value === "string" ? { text: value } : value;
  const node = document.createElement(index ? "td" : "th");
  if (!index) node.scope = "row";
  if (number) node.className = "number";
  node.append(text);
  if (note) node.append(Object.assign(document.createElement("span"), { className: "note", textContent: note }));
  return node;
}

export function showTopics({ topics }) {
  fill("topics", topics.map((values) => {
    const row = named(topicColumns, values);
    return { cells: [
      { text: row.topic, note: plural(row.partitions, "partition", "partitions") },
      row.policy,
      { text: format.count(row.here), number: true },
      { text: row.kept === null ? format.UNKNOWN : format.percent(row.kept), number: true },
    ] };
  }));
}

export function showSheds({ sheds }) {
  fill("sheds", sheds.map((values) => {
    const row = named(shedColumns, values);
    return { tone: row.rate > 0 ? (["policy", "diverted"].includes(row.intent) ? "warn" : "bad") : "", cells: [
      { text: row.topic, note: [...new Set([format.words(row.reason), row.intent])].join(" · ") },
      { text: row.rate > 0 ? `${format.rate(row.rate)}/s` : "not now", number: true },
      { text: format.count(row.records), number: true },
      range(row.last),
    ] };
  }));
  document.getElementById("sheds-table").hidden = !sheds.length;
  write("sheds-none", sheds.length ? "" : "Nothing was dropped since the start.");
}

function range(last) {
  if (last === null) return format.UNKNOWN;
  const [partition, start, end, ended] = last;
  return { text: `[${partition}] ${format.count(start)}–${format.count(end - 1)}`, note: `until ${format.timeOfDay(ended)}` };
}
