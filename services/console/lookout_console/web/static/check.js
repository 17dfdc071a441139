// The pre-shift check: this page says that the test alert came to it, and reads itself anew as the walk goes on.

import { post } from "./live.js";

document.addEventListener("lookout:check", async ({ detail }) => {
  const answer = await post("/check/seen", { check_id: detail.id }).catch(() => null);
  if (answer?.ok) location.replace("/check");
});
