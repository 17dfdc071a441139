// The handset: cards come, are shown, and are acknowledged. Nothing of an alert outlives the page.

import { announce, count, isBlind, post } from "./live.js";
import { sound, soundIsOn, soundOn } from "./sound.js";

const queue = document.getElementById("queue");
const empty = document.getElementById("empty");
const offline = document.getElementById("offline");
const ready = document.getElementById("ready");
const BUZZ = { red: [400, 120, 400, 120, 400], amber: [300, 120, 300], green: [250] };

function cardFrom(html) {
  return new DOMParser().parseFromString(html, "text/html").querySelector(".card");
}

// What cannot be sent now is sent when the page is read again, which it is as soon as there is a connection.
function tell(url, fields) {
  return post(url, fields).catch(() => null);
}

function deliver(id) {
  tell("/handset/delivered", { alert_id: id });
}

document.addEventListener("lookout:alert", ({ detail }) => {
  const card = cardFrom(detail.html);
  if (!card) return;
  const old = document.getElementById(`alert-${detail.id}`);
  if (old) { old.replaceWith(card); count(); return; }
  if (detail.over) return;
  empty.hidden = true;
  card.dataset.fresh = "";
  queue.append(card);
  count();
  sound(detail.response);
  navigator.vibrate?.(BUZZ[detail.response] ?? [250]);
  announce(detail.words);
  deliver(detail.id);
});

document.addEventListener("lookout:canary", ({ detail }) => tell("/handset/canary", { canary_id: detail.id }));
document.addEventListener("lookout:message", () => navigator.vibrate?.([120]));

// Without a connection nothing can be acknowledged: what cannot be sent is not offered, and what was missed is fetched after.
function shut() {
  offline.hidden = false;
  for (const button of queue.querySelectorAll("button")) button.disabled = true;
}
document.addEventListener("lookout:blind", shut);
if (isBlind()) shut();
document.addEventListener("lookout:sighted", () => location.reload());
document.addEventListener("lookout:resync", () => location.reload());

async function forget() {
  queue.replaceChildren();
  document.getElementById("messages").replaceChildren();
  sessionStorage.clear();
  for (const name of await caches.keys()) await caches.delete(name);
  for (const worker of await navigator.serviceWorker?.getRegistrations?.() ?? []) await worker.unregister();
}

document.addEventListener("lookout:wipe", async () => {
  await forget();
  location.replace("/handset/wiped");
});

// An answer is sent without leaving the page: the changed card comes by the stream.
queue.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const answer = await post(form.action, Object.fromEntries(new FormData(form))).catch(() => null);
  delete form.dataset.sent;
  if (!answer?.ok) announce("Not sent. Press again.");
});

ready.addEventListener("click", async () => {
  await soundOn();
  sound("green");
  navigator.vibrate?.([150]);
  ready.textContent = soundIsOn() ? "Sound and vibration are on" : "This device gives no sound";
  await subscribe();
});

async function subscribe() {
  const key = document.body.dataset.pushKey;
  if (!key || !("PushManager" in window) || Notification.permission === "denied") return;
  const worker = await navigator.serviceWorker.ready;
  const bytes = Uint8Array.from(atob(key.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
  const subscription = await worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: bytes }).catch(() => null);
  if (subscription) await tell("/handset/push", { endpoint: subscription.endpoint });
}

if ("serviceWorker" in navigator && isSecureContext) {
  navigator.serviceWorker.register("/handset/worker.js", { scope: "/handset" });
}
for (const card of queue.querySelectorAll(".card[data-standing='open']")) deliver(card.dataset.alert);
