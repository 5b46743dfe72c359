// The stream: listens to the server, hands each frame to those who show it, and says so when what is seen is old: nothing comes any more, or the
// consumer loop has said nothing new to the server.

import { add, begin } from "./charts.js";
import "./actions.js";
import { span } from "./format.js";
import * as overload from "./overload.js";
import { showAbout, showBooks, showEvents, showFigures, showWords, write } from "./panels.js";
import * as table from "./table.js";

const AGAIN = 3000;
const OLD = 5;

let heard = null; // when the last frame came, and how old it was by then

function connect() {
  const source = new EventSource("events");
  source.addEventListener("hello", ({ data }) => {
    const hello = JSON.parse(data);
    showAbout(hello.about);
    table.describe(hello);
    overload.describe(hello);
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
  heard = { at: performance.now(), age: frame.heartbeat ?? 0 };
  if (isOld()) link("lost", "the consumer loop says nothing");
  else link("live", "live");
  if (frame.why === undefined) return; // the loop has not reported yet
  showWords(frame);
  showFigures(frame);
  overload.showBreaker(frame);
  overload.showControl(frame);
  overload.showTopics(frame);
  overload.showSheds(frame);
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

// Tells how old what is seen is, beside the state of the link: that is read out when it changes, and would be with every second.
function isOld() {
  const age = heard.age + (performance.now() - heard.at) / 1000;
  const old = age >= OLD;
  document.body.classList.toggle("stale", old);
  write("age", old ? `what you see is ${span(Math.floor(age))} old` : "");
  return old;
}

setInterval(() => {
  if (heard !== null && isOld() && document.getElementById("link").dataset.state === "live") link("lost", "no news");
}, 1000);

connect();
