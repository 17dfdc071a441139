// The import of a watchlist: the file is streamed up, verdicts come row by row.

const form = document.getElementById("import");
const said = document.getElementById("import-said");
const jobs = document.getElementById("imports");

form?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const file = document.getElementById("file").files[0];
  said.textContent = "Sending the file…";
  const answer = await fetch(form.dataset.url, {
    method: "POST",
    body: file,
    headers: { "x-csrf": document.body.dataset.csrf, "x-file-name": encodeURIComponent(file.name), accept: "application/json" },
  }).catch(() => null);
  delete form.dataset.sent;
  if (answer?.ok) { said.textContent = "Sent. Every row is being looked at."; return; }
  const told = await answer?.json().catch(() => null);
  said.textContent = told?.detail ?? "The file did not arrive. Send it again: rows that were taken are not taken twice.";
});

document.addEventListener("lookout:import", ({ detail }) => {
  const fresh = new DOMParser().parseFromString(detail.html, "text/html").querySelector("section");
  const old = document.getElementById(`import-${detail.id}`);
  if (!fresh) return;
  if (old) old.replaceWith(fresh); else jobs.prepend(fresh);
  if (detail.done) document.getElementById("import-done").hidden = false;
});
