// The home page by itself: when staff are told of a change, and every minute, its live parts are fetched and what differs is put in
// place. At most once a second however much happens, never while the tab is hidden, and the focus stays where it was.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const page = document.querySelector("[data-today]");
  if (!page) return;
  // A second after the news, the server has counted anew for sure (workflow/waiting.py).
  const PAUSE_MS = 1050;
  const MINUTE_MS = 60000;
  let planned = 0;
  let missed = false;
  let looked = Date.now();

  /** What may be replaced by itself: cards and lines, else the whole part. */
  const pieces = (part) => [...part.querySelectorAll("[data-queue]")];
  const names = (found) => found.map((piece) => piece.dataset.queue).join();

  /** How to find the focused link again in what comes in its place. */
  const focusWithin = (old) => {
    const link = document.activeElement;
    if (!old.contains(link)) return () => {};
    const links = [...old.querySelectorAll("a")];
    const [place, href] = [links.indexOf(link), link.getAttribute("href")];
    return (fresh) => {
      const found = [...fresh.querySelectorAll("a")];
      (found.find((one) => one.getAttribute("href") === href) || found[place])?.focus({ preventScroll: true });
    };
  };

  const swap = (old, fresh) => {
    if (old.outerHTML === fresh.outerHTML) return;
    const changed = old.querySelector(".bo-queue__count")?.textContent !== fresh.querySelector(".bo-queue__count")?.textContent;
    const refocus = focusWithin(old);
    old.replaceWith(fresh);
    refocus(fresh);
    if (changed && fresh.dataset.queue) fresh.classList.add("bo-fresh");
  };

  const put = (part, newer) => {
    const [old, fresh] = [pieces(part), pieces(newer)];
    if (!old.length || names(old) !== names(fresh)) swap(part, newer);
    else old.forEach((piece, at) => swap(piece, fresh[at]));
  };

  /** The sidebar's numbers, as Unfold draws them: the third thing in a link. */
  const putBadge = (said) => {
    const links = [...document.querySelectorAll("#nav-sidebar-apps a")];
    const link = links.find((one) => one.getAttribute("href") === said.dataset.link);
    if (!link) return;
    const [old, fresh] = [link.children[2], said.firstElementChild];
    if (old && fresh) {
      if (old.textContent.trim() !== fresh.textContent.trim()) old.replaceWith(fresh);
    } else if (old) old.remove();
    else if (fresh) link.append(fresh);
  };

  const refresh = async () => {
    [planned, missed, looked] = [0, false, Date.now()];
    try {
      const answer = await fetch(page.dataset.today, { credentials: "same-origin" });
      if (!answer.ok || answer.redirected) return;
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const part of page.querySelectorAll("[data-live]")) {
        const newer = fresh.getElementById(part.id);
        if (newer) put(part, newer);
      }
      fresh.querySelectorAll("#today-badges > li").forEach(putBadge);
    } catch {
      // No connection: the stream comes again by itself, and the next minute too.
    }
  };

  const plan = () => {
    if (document.hidden) missed = true;
    else planned ||= setTimeout(refresh, PAUSE_MS);
  };

  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && (missed || Date.now() - looked > MINUTE_MS)) plan();
  });
  setInterval(plan, MINUTE_MS);

  if (!window.EventSource) return;
  const stream = new EventSource(page.dataset.todayStream);
  for (const kind of ["order.state", "order.item", "order.invoice", "shipment.status", "order.message", "reset"]) stream.addEventListener(kind, plan);
  addEventListener("pagehide", () => stream.close());
});
