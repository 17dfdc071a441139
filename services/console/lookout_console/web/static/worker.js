// The handset's service worker: it keeps the shell, so that a handset without a connection says so instead of nothing.
// No page, picture or event with an alert in it is ever kept.

const SHELL = "lookout-shell-2";
const KEPT = ["/static/lookout.css", "/static/live.js", "/static/sound.js", "/static/handset.js", "/static/messages.js", "/static/offline.js", "/handset/offline"];

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(SHELL).then((cache) => cache.addAll(KEPT)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const path = new URL(event.request.url).pathname;
  if (event.request.mode === "navigate") {
    event.respondWith(fetch(event.request).catch(() => caches.match("/handset/offline")));
  } else if (KEPT.includes(path)) {
    event.respondWith(fetch(event.request).catch(() => caches.match(path)));
  }
});

// A push carries nothing: a push service learns that something waits, never what.
self.addEventListener("push", (event) => {
  event.waitUntil(self.registration.showNotification("Lookout", { body: "An alert waits on your handset.", tag: "lookout", renotify: true, vibrate: [400, 120, 400] }));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(self.clients.openWindow("/handset"));
});
