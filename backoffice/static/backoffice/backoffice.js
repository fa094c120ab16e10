// Small helps of the back office. Everything works without them: dialogs are pages of their own, forms are plain forms.
"use strict";

(() => {
  const dirty = new WeakSet();

  // --- What was typed and not yet saved -------------------------------------------------------------------------------

  /** Does this element hold a form in which somebody has typed, or is typing now? live.js leaves such parts alone. */
  window.boIsDirty = (element) =>
    [...element.querySelectorAll("form[data-entry]")].some((form) => dirty.has(form) || form.contains(document.activeElement));

  document.addEventListener("input", (event) => {
    const form = event.target.closest?.("form[data-entry]");
    if (form) dirty.add(form);
  });

  // --- Copy -----------------------------------------------------------------------------------------------------------

  const copy = async (button) => {
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
    } catch {
      const field = document.createElement("textarea");
      field.value = button.dataset.copy;
      document.body.append(field);
      field.select();
      document.execCommand("copy");
      field.remove();
    }
    button.classList.add("bo-copied");
    setTimeout(() => button.classList.remove("bo-copied"), 1200);
  };

  // --- Dialogs: the page's own card, shown over the page one came from ------------------------------------------------

  const openDialog = async (link) => {
    const answer = await fetch(link.href, { credentials: "same-origin" });
    const card = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("dialog");
    if (!answer.ok || !card) {
      location.href = link.href;
      return;
    }
    const dialog = document.createElement("dialog");
    dialog.className = "bo-modal bo";
    dialog.append(card);
    dialog.addEventListener("close", () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
  };

  // --- One listener for all clicks ------------------------------------------------------------------------------------

  document.addEventListener("click", (event) => {
    const plain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey;
    const button = event.target.closest("[data-copy]");
    const link = event.target.closest("a[data-dialog]");
    const close = event.target.closest("dialog [data-close]");
    const all = event.target.closest("[data-check-all]");
    if (button) {
      event.preventDefault();
      copy(button);
    } else if (close && plain) {
      event.preventDefault();
      close.closest("dialog").close();
    } else if (link && plain) {
      event.preventDefault();
      openDialog(link);
    } else if (all) {
      const form = all.closest("form");
      form.querySelectorAll(`input[type=radio][value="${all.dataset.checkAll}"]`).forEach((radio) => (radio.checked = true));
      dirty.add(form);
    }
  });
})();
