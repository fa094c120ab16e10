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

  const openDialog = async (address) => {
    const answer = await fetch(address, { credentials: "same-origin" });
    const card = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("dialog");
    if (!answer.ok || !card) {
      location.href = address;
      return;
    }
    const dialog = document.createElement("dialog");
    dialog.className = "bo-modal bo";
    dialog.append(card);
    dialog.addEventListener("close", () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
    document.dispatchEvent(new Event("bo:refreshed"));
  };

  document.addEventListener("bo:dialog", (event) => openDialog(event.detail));

  // --- What would come of a form, as the server says it: the same as its "Work out" button, while one types ------------

  const asked = new WeakMap();

  const preview = async (form) => {
    asked.get(form)?.abort();
    const latest = new AbortController();
    asked.set(form, latest);
    const typed = new FormData(form);
    typed.delete("csrfmiddlewaretoken");
    typed.set("preview", "1");
    try {
      const answer = await fetch(`${form.action}?${new URLSearchParams(typed)}`, { credentials: "same-origin", signal: latest.signal });
      const newer = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("preview");
      const older = form.querySelector("#preview");
      if (answer.ok && newer && older) older.replaceWith(newer);
    } catch (error) {
      if (error.name !== "AbortError") throw error;
    }
  };

  document.documentElement.classList.add("bo-js"); // hides the buttons whose work is done while one types
  let pause = 0;
  document.addEventListener("input", (event) => {
    const form = event.target.closest?.("form[data-preview]");
    if (!form) return;
    clearTimeout(pause);
    pause = setTimeout(() => preview(form), 250);
  });

  // --- A form that came back: on to the first field that is in the way -------------------------------------------------

  document.addEventListener("DOMContentLoaded", () => {
    const wrong = document.querySelector("form[data-entry] .bo-error") ?? document.querySelector("form[data-entry] .bo-doubt__why");
    const before = wrong?.previousElementSibling;
    // of a doubtful label: the number, in the row above
    const place = wrong?.closest(".bo-doubt")?.previousElementSibling ?? wrong?.parentElement.closest(".bo-field, .bo-measure, td, fieldset, p");
    const inside = place?.querySelector("input:not([type=hidden], [type=checkbox]), textarea") ?? place?.querySelector("select, input:not([type=hidden])");
    const field = before?.matches("input, select, textarea") ? before : inside;
    if (document.activeElement === document.body) field?.focus();
  });

  // --- One listener for all clicks ------------------------------------------------------------------------------------

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-print]")) window.print();
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
      openDialog(link.href);
    } else if (all) {
      const form = all.closest("form");
      form.querySelectorAll(`input[type=radio][value="${all.dataset.checkAll}"]`).forEach((radio) => (radio.checked = true));
      dirty.add(form);
    }
  });
})();
