// Photos: one looked at closely over the page (arrows, Esc); without this a click opens it in a tab of its own.
"use strict";

(() => {
  const make = (tag, name, text = "") => Object.assign(document.createElement(tag), { className: name, textContent: text });

  const look = (links, start) => {
    let at = start;
    const dialog = make("dialog", "bo-look");
    const stage = make("div", "bo-look__stage");
    const picture = make("img", "bo-look__picture");
    const count = make("p", "bo-look__count");
    const button = (sign, name, act) => {
      const made = make("button", `bo-look__button ${name}`, sign);
      made.type = "button";
      made.addEventListener("click", act);
      return made;
    };
    const step = (by) => {
      at = Math.min(Math.max(at + by, 0), links.length - 1);
      picture.src = links[at].href;
      picture.alt = links[at].getAttribute("aria-label");
      count.textContent = links.length > 1 ? `${at + 1} / ${links.length}` : "";
      back.hidden = at === 0;
      on.hidden = at === links.length - 1;
    };
    const back = button("‹", "", () => step(-1));
    const on = button("›", "", () => step(1));
    back.setAttribute("aria-label", "‹");
    on.setAttribute("aria-label", "›");
    const close = button("×", "bo-look__close", () => dialog.close());
    close.setAttribute("aria-label", "×");
    stage.append(back, picture, on);
    dialog.append(stage, count, close);
    dialog.addEventListener("keydown", (event) => {
      if (event.key === "ArrowLeft") step(-1);
      if (event.key === "ArrowRight") step(1);
    });
    dialog.addEventListener("click", (event) => {
      if (event.target === stage || event.target === dialog) dialog.close();
    });
    dialog.addEventListener("close", () => {
      dialog.remove();
      if (links[at].isConnected) links[at].focus();
    });
    document.body.append(dialog);
    step(0);
    dialog.showModal();
    close.focus();
  };

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-photo]");
    if (!link || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const links = [...link.closest(".bo-photos").querySelectorAll("a[data-photo]")];
    look(links, links.indexOf(link));
  });

  // Large files take their time: the button says so and is pressed once.
  document.addEventListener("submit", (event) => {
    const form = event.target.closest("form[data-upload]");
    if (!form) return;
    const button = form.querySelector("button[type=submit]");
    button.disabled = true;
    button.textContent = form.dataset.upload;
  });
})();
