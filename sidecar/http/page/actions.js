// Pause, resume and drain: a POST with the token that is asked for here and kept in this tab only.

import { write } from "./panels.js";

const byId = (id) => document.getElementById(id);
const KEY = "token";
const BUTTONS = ["pause", "resume", "drain"];

const token = () => sessionStorage.getItem(KEY);

function show() {
  const unlocked = token() !== null;
  byId("unlock").textContent = unlocked ? "Lock actions" : "Unlock actions…";
  for (const id of BUTTONS) byId(id).disabled = !unlocked;
}

function ask(error) {
  byId("token").value = "";
  write("token-error", error);
  if (!byId("token-dialog").open) byId("token-dialog").showModal();
  byId("token").focus();
}

async function act(path, done) {
  write("acted", `${path}…`);
  for (const id of BUTTONS) byId(id).disabled = true;
  try {
    const answer = await fetch(path, { method: "POST", headers: { Authorization: `Bearer ${token()}` }, cache: "no-store" });
    const text = (await answer.text()).trim();
    if (answer.status === 401 || answer.status === 403) {
      sessionStorage.removeItem(KEY);
      write("acted", "");
      ask(text || "The token was refused.");
    } else {
      write("acted", answer.ok ? done : `${path} failed: ${text || answer.status}`);
    }
  } catch (error) {
    write("acted", `${path} failed: ${error.message}`);
  }
  show();
}

byId("unlock").addEventListener("click", () => {
  if (token() === null) { ask(""); return; }
  sessionStorage.removeItem(KEY);
  write("acted", "");
  show();
});
byId("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const given = byId("token").value.trim();
  if (!given) { write("token-error", "Type the token, or cancel."); return; }
  if (!/^[\x21-\x7e]+$/.test(given)) { write("token-error", "A token has no spaces and no characters outside of ASCII."); return; }
  sessionStorage.setItem(KEY, given);
  byId("token-dialog").close();
  show();
  byId("pause").focus();
});
byId("token-cancel").addEventListener("click", () => byId("token-dialog").close());
byId("pause").addEventListener("click", () => act("pause", "Paused."));
byId("resume").addEventListener("click", () => act("resume", "Resumed."));
byId("drain").addEventListener("click", () => byId("drain-dialog").showModal());
byId("drain-cancel").addEventListener("click", () => byId("drain-dialog").close());
byId("drain-form").addEventListener("submit", (event) => {
  event.preventDefault();
  byId("drain-dialog").close();
  act("drain", "Draining; resume ends it.");
});

show();
