// Keyboard shortcuts. Never while somebody types, never with Ctrl, Alt or Meta, never over an open dialog. `?` shows them (keys.html).
"use strict";

(() => {
  const TYPING = "input:not([type=checkbox]):not([type=radio]):not([type=submit]), textarea, select, [contenteditable]";
  const GO_WITHIN_MS = 1200;
  const PAGES = { h: "/admin/", o: "/admin/workflow/order/", t: "/admin/workflow/stafftask/", r: "/admin/workflow/refund/" };
  let wentAt = 0;

  const first = (selector) => document.querySelector(selector);
  /** Only where the sidebar leads this person too. */
  const go = (address) => first(`a[href="${address}"]`) && location.assign(address);

  const focus = (element) => {
    if (!element) return false;
    element.closest("details")?.setAttribute("open", "");
    element.focus({ preventScroll: true });
    element.scrollIntoView({ block: "center", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
    return true;
  };

  // --- Lists --------------------------------------------------------------------------------------------------------------

  const rows = () => [...document.querySelectorAll("#result_list tbody tr")].filter((row) => row.querySelector("a[href]"));
  const chosen = () => first("tr.bo-row--on");

  const step = (by) => {
    const all = rows();
    if (!all.length) return false;
    const at = all.indexOf(chosen());
    const next = all[at === -1 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + by, 0), all.length - 1)];
    chosen()?.classList.remove("bo-row--on");
    next.classList.add("bo-row--on");
    next.scrollIntoView({ block: "nearest" });
    return true;
  };

  const open = () => {
    const link = chosen()?.querySelector("a[href]:not([href^='#'])");
    if (link) location.assign(link.href);
    return Boolean(link);
  };

  // --- The keys -----------------------------------------------------------------------------------------------------------

  const KEYS = {
    "?": () => document.dispatchEvent(new CustomEvent("bo:dialog", { detail: "/admin/keys/" })) || true,
    "/": () => focus(first("#searchbar")) || focus(first("#nav-filter, input[type=search]")),
    g: () => ((wentAt = Date.now()), true),
    j: () => step(1),
    k: () => step(-1),
    Enter: open,
    n: () => focus(first("#order-next a.bo-button") ?? first("#order-next")), // nothing to press yet: what is missing
    m: () => focus(first("#message-form textarea")),
    i: () => focus(first("#note-form textarea")),
    e: () => focus(first("#order-entries :is(input:not([type=hidden]), textarea, select)")),
  };

  /** The Latin letter of a key, also while the keyboard writes Hangul. */
  const keyOf = (event) => (/^Key[A-Z]$/.test(event.code) && !/^[ -~]$/.test(event.key) ? event.code[3].toLowerCase() : event.key);

  document.addEventListener("keydown", (event) => {
    const key = keyOf(event);
    if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey || (event.repeat && !"jk".includes(key))) return;
    if (event.target.closest?.(TYPING) || first("dialog[open]")) return;
    if (key === "Enter" && event.target.closest?.("a, button, summary, label, input")) return;
    const going = Date.now() - wentAt < GO_WITHIN_MS;
    wentAt = 0;
    if (going && PAGES[key]) {
      event.preventDefault();
      go(PAGES[key]);
    } else if (KEYS[key]?.()) event.preventDefault();
  });
})();
