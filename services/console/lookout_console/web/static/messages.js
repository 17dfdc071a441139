// Messages between van and handsets: sent without leaving the page; what others write comes by the stream.

import { announce, post } from "./live.js";

const list = document.getElementById("messages");
const form = document.querySelector("[data-message]");
const talk = document.getElementById("talk");
const unread = document.getElementById("unread");
let unreadCount = 0;

// Messages have a window of their own: alerts under and beside them never move.
function countUnread(count) {
  unreadCount = count;
  if (!unread) return;
  unread.textContent = `${count} new`;
  unread.hidden = count === 0;
}
for (const opener of document.querySelectorAll("[data-opens='talk']")) {
  opener.addEventListener("click", () => { countUnread(0); if (list) list.scrollTop = list.scrollHeight; });
}

document.addEventListener("lookout:message", ({ detail }) => {
  const line = new DOMParser().parseFromString(detail.html, "text/html").querySelector("li");
  if (!list || !line || document.getElementById(line.id)) return;
  list.append(line);
  list.scrollTop = list.scrollHeight;
  if (talk && !talk.open) {
    countUnread(unreadCount + 1);
    announce(`New message: ${line.textContent}`);
  }
});

form?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const field = form.elements.words;
  const answer = await post(form.action, { words: field.value }).catch(() => null);
  delete form.dataset.sent;
  if (answer?.ok) field.value = "";
  else announce("The message was not sent.");
});
if (list) list.scrollTop = list.scrollHeight;
