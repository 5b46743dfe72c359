// The words and the figures: everything that is one text in one place. A text is written only when it changes.

import * as format from "./format.js";

const TONES = {
  ok: "good", idle: "good",
  catching_up: "warn", rebalancing: "warn", downstream_slow: "warn", rate_limited: "warn", held_by_operator: "warn",
  under_provisioned: "bad", broker_stall: "bad", downstream_down: "bad", poison_head: "bad", stuck: "bad",
};
const MARKS = { good: "●", warn: "▲", bad: "■", none: "○" };

export const toneOf = (verdict) => TONES[verdict] ?? "none";
export const markOf = (verdict) => MARKS[toneOf(verdict)];

const byId = (id) => document.getElementById(id);

export function write(id, text) {
  const node = byId(id);
  if (node.textContent !== text) node.textContent = text;
}

export function showAbout(about) {
  write("version", about.version);
  const parts = [["group", about.group], ["topics", about.topics.join(", ")], ["to", about.writer], ["on", about.host]];
  const nodes = parts.flatMap(([name, value]) => {
    const label = Object.assign(document.createElement("span"), { className: "key", textContent: name });
    const text = Object.assign(document.createElement("span"), { className: "value", textContent: value });
    return [label, " ", text, " "];
  });
  byId("about").replaceChildren(...nodes);
  document.title = `${about.group} · kafka-sidecar`;
  byId("gauge").querySelector(".low").style.left = `${about.low_watermark * 100}%`;
  byId("gauge").querySelector(".high").style.left = `${about.high_watermark * 100}%`;
}

let announced = null;

export function showWords(frame) {
  const { verdict, sentence } = frame.why;
  const tone = toneOf(verdict);
  byId("words").dataset.tone = tone;
  write("mark", MARKS[tone]);
  write("verdict", format.words(verdict));
  write("sentence", sentence.charAt(0).toUpperCase() + sentence.slice(1));
  const obstacle = frame.trouble && verdict !== "broker_stall" ? ` · Kafka: ${frame.trouble}` : "";
  write("state", `${frame.phase} · buffer ${frame.state} · ${format.count(frame.partitions.length)} partitions${obstacle}`);
  if (announced !== verdict) { // the sentence counts seconds: read out every second it would drown everything
    announced = verdict;
    write("announcer", `${format.words(verdict)}: ${sentence}`);
  }
}

export function showFigures(frame) {
  const { lag, rates, buffer, flow, held, books } = frame;
  write("lag", format.span(lag.seconds));
  write("lag-note", `${format.count(lag.records)} records without an outcome`);
  write("arriving", format.rate(rates.arriving));
  write("delivered", format.rate(rates.delivered));
  write("delivered-note", frame.delivered_at === null ? "records/s, none yet" : `records/s, last ${format.span(frame.at - frame.delivered_at)} ago`);
  write("buffer", format.percent(buffer.utilization));
  byId("gauge").querySelector(".fill").style.width = `${Math.min(100, buffer.utilization * 100)}%`;
  byId("gauge").dataset.state = frame.state;
  write("buffer-note", `${format.count(buffer.records)} of ${format.count(buffer.max_records)} records, ${format.bytes(buffer.bytes)} of ${format.bytes(buffer.max_bytes)}`);
  write("flush", format.span(rates.flush_p50));
  write("flush-note", rates.flush_p99 === null ? "none in the last 5 s" : `median; 99 % within ${format.span(rates.flush_p99)}`);
  write("flying", `${flow.flushes_in_flight} of ${flow.concurrency_limit}`);
  write("flying-note", `${format.count(flow.batch_records)} records each, or every ${format.span(flow.interval)}${flow.retrying ? `; ${flow.retrying} wait for a retry` : ""}`);
  write("held", `${format.count(held.partitions)} of ${format.count(frame.partitions.length)}`);
  write("held-note", listed(held.reasons) || "nothing is held back");
  const dropped = total(books.dropped);
  write("dropped", format.count(dropped));
  write("dropped-note", dropped ? listed(books.dropped) : "nothing was dropped");
}

const total = (counts) => Object.values(counts).reduce((sum, value) => sum + value, 0);
const listed = (counts) => Object.entries(counts).filter(([, value]) => value).map(([name, value]) => `${format.words(name)} ${format.count(value)}`).join(", ");

let shownBooks = "";

export function showBooks(frame) {
  const { books, rates } = frame;
  const rows = [
    ["polled", books.polled, rates.polled],
    ["delivered", books.delivered, rates.delivered],
    ["dead-lettered", books.dead_lettered, null],
    ...Object.entries(books.dropped).map(([reason, value]) => [`dropped: ${format.words(reason)}`, value, rates.dropped[reason]]),
    ...Object.entries(books.released).map(([reason, value]) => [`given back: ${format.words(reason)}`, value, null]),
    ["buffered", books.buffered, null],
    ["in flight", books.in_flight, null],
  ];
  const texts = rows.map(([name, value, pace]) => [name, format.count(value), pace ? `${format.rate(pace)}/s` : ""]);
  const text = JSON.stringify(texts);
  if (text !== shownBooks) {
    shownBooks = text;
    byId("books").replaceChildren(...texts.map(bookRow));
  }
  write("balance", books.unaccounted === 0 ? "✓ The books balance: every polled record is accounted for." : `✗ ${format.count(books.unaccounted)} records are unaccounted for. This is a defect, please report it.`);
  byId("balance").dataset.tone = books.unaccounted === 0 ? "good" : "bad";
}

function bookRow([name, value, pace]) {
  const row = document.createElement("tr");
  row.append(
    Object.assign(document.createElement("th"), { scope: "row", textContent: name }),
    Object.assign(document.createElement("td"), { textContent: value }),
    Object.assign(document.createElement("td"), { className: "note", textContent: pace }),
  );
  return row;
}

let shownEvents = "";

export function showEvents(events) {
  const newest = JSON.stringify(events.at(-1) ?? null);
  if (newest === shownEvents) return;
  shownEvents = newest;
  byId("events").replaceChildren(...events.toReversed().map(([at, level, name, text]) => {
    const item = document.createElement("li");
    item.dataset.level = level;
    item.append(
      Object.assign(document.createElement("time"), { textContent: format.timeOfDay(at), dateTime: new Date(at * 1000).toISOString() }),
      Object.assign(document.createElement("strong"), { textContent: level === "info" ? name : `${level}: ${name}` }),
      Object.assign(document.createElement("span"), { textContent: text }),
    );
    return item;
  }));
}
