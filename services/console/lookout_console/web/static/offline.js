// A handset that was opened without a connection: it looks for the console by itself, and goes on where it stopped.

async function look() {
  const answer = await fetch("/static/lookout.svg", { method: "HEAD", cache: "no-store" }).catch(() => null);
  if (answer?.ok) location.replace("/handset");
}

setInterval(look, 2000);
window.addEventListener("online", look);
