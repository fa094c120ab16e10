// Who else has this order open: a beat every 30 s while the page is, one more as it closes; the customer's clock, minute by minute; and
// the thread stands at its newest message.
"use strict";

(() => {
  const toNewest = () => document.querySelectorAll(".bo-thread").forEach((thread) => (thread.scrollTop = thread.scrollHeight));
  document.addEventListener("DOMContentLoaded", toNewest);
  document.addEventListener("bo:refreshed", toNewest);
  // "Answer" leads to the thread, and on into the field
  document.addEventListener("click", (event) => {
    const field = event.target.closest?.('a[href="#order-messages"]') && document.querySelector("#message-form textarea");
    if (!field) return;
    event.preventDefault();
    field.focus({ preventScroll: true });
    field.scrollIntoView({ block: "center" });
  });
})();

document.addEventListener("DOMContentLoaded", () => {
  const EVERY_MS = 30_000;
  const form = () => document.querySelector("form[data-here]"); // live.js puts a newer one in its place
  if (!form()) return;

  const beat = async () => {
    const here = form();
    let answer;
    try {
      answer = await fetch(here.action, { method: "POST", body: new FormData(here), credentials: "same-origin" });
    } catch {
      return; // away for a moment: the next beat says so or not
    }
    if (!answer.ok) return;
    const others = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector(".bo-present");
    const shown = form().querySelector("[data-others]");
    if ((others?.textContent ?? "") !== shown.textContent.trim()) shown.replaceChildren(...(others ? [others] : []));
  };

  beat();
  setInterval(beat, EVERY_MS);
  addEventListener("pageshow", (event) => event.persisted && beat());
  addEventListener("pagehide", () => {
    const data = new FormData(form());
    data.set("leaving", "1");
    navigator.sendBeacon(form().action, data);
  });

  setInterval(() => {
    for (const clock of document.querySelectorAll("[data-clock]")) {
      // `about 11-21 20:05 PST`: only day and hour are new
      const parts = new Intl.DateTimeFormat("en-GB", { timeZone: clock.dataset.clock, month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit" })
        .formatToParts(new Date()).reduce((all, part) => ({ ...all, [part.type]: part.value }), {});
      clock.textContent = clock.textContent.replace(/\d\d-\d\d \d\d:\d\d/, `${parts.month}-${parts.day} ${parts.hour}:${parts.minute}`);
    }
  }, EVERY_MS);
});
