// Live: the staff's event stream refreshes the parts of a page marked data-live, and never what somebody is typing into.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const page = document.querySelector("[data-stream]");
  if (!page || !window.EventSource) return;
  const number = page.dataset.order;
  let waiting = 0;

  /** Fetch this page anew and put its live parts in place of the old ones; parts with typed values stay, and a note says so. */
  const refresh = async () => {
    waiting = 0;
    const answer = await fetch(location.href, { credentials: "same-origin", headers: { "X-Background": "1" } });
    // Signed out meanwhile: nothing more comes, and the login page says why once somebody does something.
    if (!answer.ok || answer.redirected) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    let left = false;
    for (const part of document.querySelectorAll("[data-live]")) {
      const newer = fresh.getElementById(part.id);
      if (!newer) continue;
      if (window.boIsDirty(part)) left = true;
      else if (newer.textContent !== part.textContent) {
        part.replaceWith(newer);
        newer.classList.add("bo-fresh");
      } else part.replaceWith(newer);
    }
    const note = document.getElementById("changed");
    if (note) note.hidden = !left;
    document.dispatchEvent(new Event("bo:refreshed"));
  };

  const heard = (event) => {
    if (number) {
      try {
        if (JSON.parse(event.data).order !== number) return;
      } catch {
        return;
      }
    }
    // Several events come with one change: one look is enough.
    waiting ||= setTimeout(refresh, number ? 250 : 1000);
  };

  const stream = new EventSource(page.dataset.stream);
  for (const kind of ["order.state", "order.item", "order.invoice", "shipment.status", "order.message", "order.note", "order.assigned"]) stream.addEventListener(kind, heard);
  stream.addEventListener("reset", () => (waiting ||= setTimeout(refresh, 250)));
  addEventListener("pagehide", () => stream.close());
});
