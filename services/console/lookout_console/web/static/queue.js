// The alert queue: cards arrive at the end and stay where they are; a changed card is replaced in its place.

import { announce, count, post } from "./live.js";
import { sound, soundIsOn, soundOff, soundOn } from "./sound.js";

const queue = document.getElementById("queue");
const empty = document.getElementById("empty");
const below = document.getElementById("below");
const soundButton = document.getElementById("sound");
const keysButton = document.getElementById("keys");
let keysAreOn = sessionStorage.getItem("keys") !== "off";
let newest = null;

const cards = () => [...queue.querySelectorAll(".card")];
const cardOf = (id) => document.getElementById(`alert-${id}`);

function cardFrom(html) {
  return new DOMParser().parseFromString(html, "text/html").querySelector(".card");
}

let looking = false;

// Once a frame at most: many alerts may come in one.
function lookBelow() {
  if (looking) return;
  looking = true;
  requestAnimationFrame(countBelow);
}

function countBelow() {
  looking = false;
  const edge = innerHeight - 40;
  const hidden = cards().filter((card) => card.dataset.standing === "open" && card.getBoundingClientRect().top > edge).length;
  below.hidden = hidden === 0;
  below.textContent = hidden === 1 ? "1 alert further down" : `${hidden} alerts further down`;
}

document.addEventListener("lookout:alert", ({ detail }) => {
  const card = cardFrom(detail.html);
  if (!card) return;
  const old = cardOf(detail.id);
  if (old) {
    const focused = old.contains(document.activeElement);
    old.replaceWith(card);
    count();
    if (focused) card.focus();
    return;
  }
  if (detail.over) return;
  empty.hidden = true;
  card.dataset.fresh = "";
  queue.append(card);
  count();
  newest = card;
  sound(detail.response);
  announce(detail.words);
  lookBelow();
});

document.addEventListener("lookout:resync", () => location.reload());
document.addEventListener("lookout:sighted", () => location.reload());

function move(step) {
  const all = cards();
  if (!all.length) return;
  const at = all.findIndex((card) => card.contains(document.activeElement));
  all[Math.min(all.length - 1, Math.max(0, at + step))].focus();
}

const current = () => document.activeElement?.closest?.(".card");

const KEYS = {
  j: () => move(1),
  k: () => move(-1),
  ArrowDown: () => move(1),
  ArrowUp: () => move(-1),
  n: () => (newest ?? cards().at(-1))?.focus(),
  c: () => current()?.querySelector("[data-claim]")?.requestSubmit(),
  Enter: () => { const link = current()?.querySelector("[data-open]"); if (link) location.assign(link.href); },
  m: () => soundButton.click(),
  "?": () => document.getElementById("keys-help").showModal(),
};

document.addEventListener("keydown", (event) => {
  const writing = event.target.closest("input, textarea, select, dialog, a, button");
  if (writing && !(event.key.length > 1 && event.target.matches(".card"))) return;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key.length === 1 && !keysAreOn) return;
  const act = KEYS[event.key];
  if (act) { event.preventDefault(); act(); }
});

soundButton.addEventListener("click", async () => {
  if (soundIsOn()) soundOff(); else await soundOn();
  soundButton.setAttribute("aria-pressed", String(soundIsOn()));
  soundButton.querySelector("span").textContent = soundIsOn() ? "Sound is on" : "Sound is off";
  if (soundIsOn()) sound("green");
});

keysButton.addEventListener("click", () => {
  keysAreOn = !keysAreOn;
  sessionStorage.setItem("keys", keysAreOn ? "on" : "off");
  keysButton.textContent = keysAreOn ? "Turn letter keys off" : "Turn letter keys on";
});
keysButton.textContent = keysAreOn ? "Turn letter keys off" : "Turn letter keys on";

// A claim is sent without leaving the page: the answer is the changed card, and it comes by the stream.
queue.addEventListener("submit", async (event) => {
  const form = event.target.closest("[data-claim]");
  if (!form) return;
  event.preventDefault();
  const answer = await post(form.action, Object.fromEntries(new FormData(form))).catch(() => null);
  if (!answer?.ok) {
    const unreached = { detail: "The console could not be reached: nothing was claimed." };
    const said = answer ? await answer.json().catch(() => unreached) : unreached;
    announce(said.detail);
    const standing = form.closest(".card").querySelector(".standing");
    standing.textContent = said.detail;
    delete form.dataset.sent;
  }
});

below.addEventListener("click", () => cards().find((card) => card.dataset.standing === "open" && card.getBoundingClientRect().top > innerHeight - 40)?.focus());
addEventListener("scroll", lookBelow, { passive: true });
addEventListener("resize", lookBelow);
lookBelow();
