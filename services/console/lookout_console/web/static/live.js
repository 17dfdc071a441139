// What every page does: holds the stream open, keeps ages counting by the server's clock, and says so when it cannot.

const STREAM_SILENT_MS = 8000; // the server speaks every 2 s; four missed words mean that the page is blind

const page = document.body;
const state = document.querySelector("[data-state]");
let ahead = 0; // how many ms this device's clock is ahead of the server's
let heardAt = performance.now();
let blind = false;
let asking = false;

export const isBlind = () => blind;
export const serverNow = () => Date.now() - ahead;

export function announce(text) {
  const place = document.getElementById("announce");
  if (place) place.textContent = text;
}

export function inWords(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 3600) return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  const hours = Math.floor(seconds / 3600);
  return hours < 48 ? `${hours} h ${Math.floor((seconds % 3600) / 60)} min` : `${Math.floor(hours / 24)} days`;
}

export async function post(url, fields = {}) {
  const body = new URLSearchParams({ ...fields, csrf: page.dataset.csrf });
  return fetch(url, { method: "POST", body, headers: { accept: "application/json" }, redirect: "manual" });
}

// How old everything on the page is; called again for what is put into it.
export function count() {
  for (const age of document.querySelectorAll("[data-since]")) {
    const text = inWords(serverNow() - Number(age.dataset.since));
    if (age.textContent !== text) age.textContent = text;
  }
}

function show({ state: now, word, reason, since }) {
  if (!state) return;
  state.dataset.state = now;
  state.querySelector("b").textContent = word;
  state.querySelector(".reason").textContent = reason;
  const counting = state.querySelector("[data-since]");
  counting.dataset.since = since;
  count();
}

// A word of the stream may have lain in a buffer since before the connection was lost: only an answer to a question
// asked now says that it is back, and that the page can be read again.
async function seeAgain() {
  heardAt = performance.now();
  if (!blind || asking) return;
  asking = true;
  const answer = await fetch("/static/lookout.svg", { method: "HEAD", cache: "no-store" }).catch(() => null);
  asking = false;
  if (!answer?.ok) return;
  blind = false;
  document.dispatchEvent(new CustomEvent("lookout:sighted"));
}

function goBlind() {
  if (blind) return;
  blind = true;
  show({
    state: "not_running",
    word: "NO CONNECTION",
    reason: "This page has lost the console: what it shows may be old. It tries again by itself.",
    since: serverNow(),
  });
  document.dispatchEvent(new CustomEvent("lookout:blind"));
}

// The stream was refused: the session has ended, or the console is not well.
async function refusedStream(url) {
  goBlind();
  const answer = await fetch("/api/v1/status").catch(() => null);
  if (answer?.status === 401) location.assign("/sign-in");
  else setTimeout(() => listen(url), 3000);
}

function listen(url) {
  const stream = new EventSource(url);
  const on = (kind, act) => stream.addEventListener(kind, (event) => { seeAgain(); act(JSON.parse(event.data)); });
  on("tick", ({ now }) => { ahead = Date.now() - now; });
  on("status", show);
  on("ended", () => { stream.close(); location.assign("/sign-in"); });
  for (const kind of ["alert", "waiting", "message", "import", "resync", "wipe", "canary", "check", "deployment", "touched"]) {
    on(kind, (detail) => document.dispatchEvent(new CustomEvent(`lookout:${kind}`, { detail })));
  }
  stream.onerror = () => { if (stream.readyState === EventSource.CLOSED) refusedStream(url); };
  window.addEventListener("pagehide", () => stream.close());
}

document.addEventListener("lookout:waiting", ({ detail }) => {
  for (const place of document.querySelectorAll("[data-waiting]")) {
    place.textContent = detail.waiting;
    place.hidden = detail.waiting === 0;
  }
  document.title = document.title.replace(/^(\(\d+\) )?/, detail.waiting ? `(${detail.waiting}) ` : "");
});

document.addEventListener("lookout:deployment", ({ detail }) => {
  const note = document.getElementById("changed");
  if (note && page.dataset.deployment === detail.id && page.dataset.deploymentState !== detail.state) note.hidden = false;
});

document.addEventListener("lookout:touched", ({ detail }) => {
  if (page.dataset.alert !== detail.id) return;
  document.getElementById("changed").hidden = false;
  announce("Somebody else has acted on this alert.");
});

for (const opener of document.querySelectorAll("[data-opens]")) {
  opener.addEventListener("click", () => document.getElementById(opener.dataset.opens).showModal());
}
for (const closer of document.querySelectorAll("[data-closes]")) {
  closer.addEventListener("click", () => closer.closest("dialog").close());
}
// A form is sent once: the second press of a nervous thumb does nothing.
document.addEventListener("submit", (event) => {
  if (event.target.dataset.sent) event.preventDefault();
  else event.target.dataset.sent = "yes";
});
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});

count();
setInterval(() => { count(); if (page.dataset.live && performance.now() - heardAt > STREAM_SILENT_MS) goBlind(); }, 1000);
window.addEventListener("offline", goBlind);
if (page.dataset.live) listen(page.dataset.live);
