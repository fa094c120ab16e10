// Screening: choosing a topic of restricted goods writes its words, in the customer's language, into the reason beside it. What was
// typed is never written over. Without this script the server fills an empty reason in the same way.
"use strict";

document.addEventListener("change", (event) => {
  const select = event.target.closest?.("select[data-fills]");
  if (!select) return;
  const reason = select.form.elements[select.dataset.fills];
  const texts = [...select.form.querySelectorAll("[data-topic-texts] > [data-code]")];
  const ours = texts.some((text) => text.textContent === reason.value);
  if (reason.value.trim() && !ours) return;
  reason.value = texts.find((text) => text.dataset.code === select.value)?.textContent ?? "";
});
