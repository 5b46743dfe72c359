// The stream: listens to the server, hands each frame to those who show it, and says so when nothing comes any more.

import { add, begin } from "./charts.js";
import "./actions.js";
import { span } from "./format.js";
import { showAbout, showBooks, showEvents, showFigures, showWords, write } from "./panels.js";
import * as table from "./table.js";

const AGAIN = 3000;
const SILENT = 5;

let heardAt = null;
let stale = false;

function connect() {
  const source = new EventSource("events");
  source.addEventListener("hello", ({ data }) => {
    const hello = JSON.parse(data);
    showAbout(hello.about);
    table.describe(hello);
    begin(hello);
  });
  source.addEventListener("frame", ({ data }) => show(JSON.parse(data)));
  source.addEventListener("error", () => {
    link("lost", "connection lost, trying again");
    if (source.readyState === EventSource.CLOSED) { // the server answered, and refused
      tell();
      setTimeout(connect, AGAIN);
    }
  });
}

function show(frame) {
  heardAt = performance.now();
  stale = false;
  document.body.classList.remove("stale");
  link("live", "live");
  if (frame.why === undefined) return; // the loop has not reported yet
  showWords(frame);
  showFigures(frame);
  showBooks(frame);
  showEvents(frame.events);
  table.update(frame.partitions);
  add(frame.point);
}

// Why the server refuses: it says so in a sentence.
async function tell() {
  try {
    const abort = new AbortController();
    const answer = await fetch("events", { cache: "no-store", signal: abort.signal });
    if (answer.status === 503) link("lost", (await answer.text()).trim());
    abort.abort();
  } catch {
    link("lost", "connection lost, trying again");
  }
}

function link(state, text) {
  document.getElementById("link").dataset.state = state;
  write("link", text);
}

setInterval(() => {
  if (heardAt === null) return;
  const silent = (performance.now() - heardAt) / 1000;
  if (silent < SILENT) return;
  if (!stale) { stale = true; document.body.classList.add("stale"); }
  link("lost", `no news for ${span(Math.floor(silent))}: what you see is old`);
}, 1000);

connect();
