// The table of partitions: a row each, kept from frame to frame; only cells whose text changed are written, and rows move only
// when their order does. Sorted by what is worst until somebody sorts it otherwise. Of hundreds the first ones are shown until all are asked for:
// a browser lays out and paints what nobody scrolls to, too.

import * as format from "./format.js";
import { markOf, toneOf, write } from "./panels.js";

const COLUMNS = [
  { name: "Partition", key: "place", text: (row) => row.name },
  { name: "Verdict", key: "rank", text: (row) => `${markOf(row.verdict)} ${format.words(row.verdict)}` },
  { name: "Lag", key: "lag_seconds", number: true, text: (row) => format.span(row.lag_seconds) },
  { name: "Records behind", key: "lag_records", number: true, text: (row) => format.count(row.lag_records) },
  { name: "In/s", key: "arriving", number: true, minor: true, text: (row) => format.rate(row.arriving) },
  { name: "Out/s", key: "settled", number: true, minor: true, text: (row) => format.rate(row.settled) },
  { name: "Buffered", key: "buffered", number: true, minor: true, text: (row) => format.count(row.buffered) },
  { name: "In flight", key: "in_flight", number: true, minor: true, text: (row) => format.count(row.in_flight) },
  { name: "Held by", key: "held", minor: true, text: (row) => row.held || "–" },
  { name: "Why", key: "sentence", wide: true, text: (row) => row.sentence },
];

const tbody = document.querySelector("#table tbody");
const rows = new Map();
let columns = [];
let verdicts = [];
const FIRST = 100;
let all = false;
let sort = { key: "rank", down: false };
let latest = [];

export function describe(hello) {
  columns = hello.columns;
  verdicts = hello.verdicts;
}

export function update(partitions) {
  latest = partitions.map(asRow);
  draw();
}

function asRow(values) {
  const row = Object.fromEntries(columns.map((name, index) => [name, values[index]]));
  row.name = `${row.topic}[${row.partition}]`;
  row.held = row.holds.join(", ");
  row.rank = verdicts.indexOf(row.verdict);
  return row;
}

function draw() {
  const filter = document.getElementById("filter").value.trim().toLowerCase();
  const behind = document.getElementById("only-behind").checked;
  const found = latest.filter((row) => matches(row, filter, behind)).sort(compare);
  const shown = all ? found : found.slice(0, FIRST);
  const names = new Set(shown.map((row) => row.name));
  for (const [name, row] of rows) {
    if (!names.has(name)) { row.node.remove(); row.details?.remove(); rows.delete(name); }
  }
  let place = tbody.firstChild;
  for (const row of shown) {
    const kept = rows.get(row.name) ?? make(row);
    fillIn(kept, row);
    for (const node of kept.details ? [kept.node, kept.details] : [kept.node]) {
      if (node === place) place = place.nextSibling; else tbody.insertBefore(node, place);
    }
  }
  const text = shown.length === latest.length ? `${format.count(latest.length)} assigned` : `${format.count(shown.length)} of ${format.count(latest.length)} shown`;
  write("shown", text);
  write("all", `Show all ${format.count(found.length)}`);
  document.getElementById("all").hidden = shown.length === found.length;
}

function matches(row, filter, behind) {
  if (behind && toneOf(row.verdict) === "good") return false;
  return !filter || `${row.name} ${row.verdict} ${format.words(row.verdict)} ${row.held}`.toLowerCase().includes(filter);
}

function compare(a, b) {
  const by = byKey(a, b, sort.key);
  const sorted = sort.down ? -by : by;
  if (sorted) return sorted;
  if (sort.key === "rank" && a.lag_seconds !== b.lag_seconds) return (b.lag_seconds ?? -1) - (a.lag_seconds ?? -1);
  return byPlace(a, b);
}

function byKey(a, b, key) {
  if (key === "place") return byPlace(a, b);
  if (key === "held" || key === "sentence") return a[key].localeCompare(b[key]);
  return (a[key] ?? -1) - (b[key] ?? -1);
}

const byPlace = (a, b) => (a.topic < b.topic ? -1 : a.topic > b.topic ? 1 : a.partition - b.partition);

function make(row) {
  const node = document.createElement("tr");
  const cells = COLUMNS.map((column, index) => {
    const cell = document.createElement(index ? "td" : "th");
    if (!index) cell.scope = "row";
    cell.className = kind(column);
    node.append(cell);
    return cell;
  });
  const button = Object.assign(document.createElement("button"), { type: "button", className: "name" });
  button.setAttribute("aria-expanded", "false");
  cells[0].append(button);
  const made = { node, cells, button, texts: [], details: null, row };
  button.addEventListener("click", () => toggle(made));
  rows.set(row.name, made);
  return made;
}

const kind = (column) => [column.number && "number", column.minor && "minor", column.wide && "wide"].filter(Boolean).join(" ");

function fillIn(kept, row) {
  kept.row = row;
  const tone = toneOf(row.verdict);
  if (kept.node.dataset.tone !== tone) kept.node.dataset.tone = tone;
  COLUMNS.forEach((column, index) => {
    const text = column.text(row);
    if (kept.texts[index] === text) return;
    kept.texts[index] = text;
    (index ? kept.cells[index] : kept.button).textContent = text;
    if (column.wide) kept.cells[index].title = text;
  });
  if (kept.details) fill(kept);
}

// The whole of a partition, beneath its row: on a phone this is where the columns are that do not fit.
function toggle(kept) {
  const open = kept.details === null;
  kept.button.setAttribute("aria-expanded", String(open));
  if (open) {
    kept.details = document.createElement("tr");
    kept.details.className = "details";
    const cell = document.createElement("td");
    cell.colSpan = COLUMNS.length;
    kept.details.append(cell);
    kept.node.after(kept.details);
    fill(kept);
  } else {
    kept.details.remove();
    kept.details = null;
  }
}

function fill(kept) {
  const { row } = kept;
  const facts = [
    ["committed", format.count(row.committed)], ["position", format.count(row.position)], ["log end", format.count(row.log_end)],
    ["in", `${format.rate(row.arriving)}/s`], ["out", `${format.rate(row.settled)}/s`],
    ["buffered", format.count(row.buffered)], ["in flight", format.count(row.in_flight)], ["held by", row.held || "nothing"],
  ];
  const sentence = Object.assign(document.createElement("p"), { textContent: row.sentence });
  const list = document.createElement("p");
  list.className = "note";
  list.textContent = facts.map(([name, value]) => `${name} ${value}`).join(" · ");
  kept.details.firstChild.replaceChildren(sentence, list);
}

function head() {
  const line = document.querySelector("#table thead tr");
  line.replaceChildren(...COLUMNS.map((column) => {
    const cell = Object.assign(document.createElement("th"), { scope: "col", className: kind(column) });
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: column.name });
    button.addEventListener("click", () => {
      sort = { key: column.key, down: sort.key === column.key ? !sort.down : Boolean(column.number) };
      marks();
      draw();
    });
    cell.append(button);
    cell.dataset.key = column.key;
    return cell;
  }));
  marks();
}

function marks() {
  for (const cell of document.querySelectorAll("#table thead th")) {
    if (cell.dataset.key === sort.key) cell.setAttribute("aria-sort", sort.down ? "descending" : "ascending");
    else cell.removeAttribute("aria-sort");
  }
}

head();
document.getElementById("filter").addEventListener("input", draw);
document.getElementById("all").addEventListener("click", () => { all = true; draw(); });
document.getElementById("only-behind").addEventListener("change", draw);
