// Messages between van and handsets: sent without leaving the page; what others write comes by the stream.

import { announce, post } from "./live.js";

const list = document.getElementById("messages");
const form = document.querySelector("[data-message]");

document.addEventListener("lookout:message", ({ detail }) => {
  const line = new DOMParser().parseFromString(detail.html, "text/html").querySelector("li");
  if (!list || !line || document.getElementById(line.id)) return;
  list.append(line);
  list.scrollTop = list.scrollHeight;
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
