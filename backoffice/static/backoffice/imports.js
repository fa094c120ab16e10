// Choosing a file; an import under way: how far it is, and the page anew when it is through.
"use strict";

// Unfold writes a chosen file's name into a text field beside it and fails where there is none; ours shows the name by itself.
document.addEventListener("change", (event) => {
  if (event.target.matches?.(".bo input[type=file]")) event.stopImmediatePropagation();
}, true);

document.addEventListener("DOMContentLoaded", () => {
  const page = document.querySelector("[data-progress]");
  if (!page) return;
  const bar = page.querySelector("progress");
  const done = page.querySelector("[data-done]");
  const look = async () => {
    try {
      const answer = await fetch(page.dataset.progress, { credentials: "same-origin" });
      if (answer.ok) {
        const said = await answer.json();
        if (!said.busy) return location.reload();
        if (bar && said.status === "checking") bar.value = said.done;
        if (done) done.textContent = said.done.toLocaleString("en");
      }
    } catch {
      // the next look may be luckier
    }
    setTimeout(look, 700);
  };
  setTimeout(look, 500);
});
