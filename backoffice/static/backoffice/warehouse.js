// The arrivals page: a scanner types like a keyboard, at any moment. Whatever it types lands in the field for the number, never on a button.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const field = document.getElementById("scan");
  if (!field) return;
  const TYPING = "input, textarea, select";
  field.focus();
  window.addEventListener("pageshow", () => field.focus());

  document.addEventListener("keydown", (event) => {
    if (event.key.length !== 1 || event.key === " " || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest(TYPING)) return;
    event.stopImmediatePropagation();  // no shortcut of keys.js: it is a number
    field.focus();
  }, true);
});
