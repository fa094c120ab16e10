// The price page: moving with the keyboard, pasting blocks, marks on what changed, saving without leaving. Without it the page is a
// plain form. One listener per kind of event on the form, cells found once; what is billed is reckoned by the server (totals.js shows).
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const form = document.querySelector("[data-sheet]");
  if (!form) return;
  const words = JSON.parse(form.dataset.words);
  const { whole, group, total } = window.boTotals;
  const COLUMNS = ["name", "price"];
  const columns = Object.fromEntries(COLUMNS.map((name) => [name, [...form.querySelectorAll(`[data-cell=${name}]`)]]));
  const rowOf = new Map(COLUMNS.flatMap((name) => columns[name].map((cell, row) => [cell, row])));
  const orderOf = new Map([...form.querySelectorAll("[data-order]")].map((order) => [order.dataset.order, order]));
  const ticks = [...form.querySelectorAll("[name=tick]")];
  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_all, name) => values[name]);

  // --- What is changed, and what cannot be read ------------------------------------------------------------------------

  const dirty = new Map(); // order's element -> its changed cells
  const bad = new Set();
  const isPrice = (cell) => cell.dataset.cell === "price";
  const read = (cell) => (isPrice(cell) ? whole(cell.value)?.toString() ?? cell.value.trim() : cell.value.trim());
  const saved = new Map([...rowOf.keys()].map((cell) => [cell, cell.dataset.saved ?? cell.value]));
  const isChanged = (cell) => {
    const was = saved.get(cell);
    return read(cell) !== (isPrice(cell) ? whole(was)?.toString() ?? was : was.trim());
  };
  const say = (text, isBad = false) => {
    const place = form.querySelector("[data-said]");
    place.textContent = text;
    place.classList.toggle("bo-error", isBad);
  };

  let drawing = 0;
  const draw = () => {
    drawing = 0;
    const said = [dirty.size ? fill(words.changed, { n: dirty.size }) : words.unchanged];
    if (bad.size) said.push(fill(words.unread, { n: bad.size }));
    form.querySelector("[data-changed]").textContent = said.join(" · ");
    const ticked = ticks.filter((tick) => tick.checked).length;
    const count = form.querySelector("[data-ticked]");
    if (count) [count.textContent, count.hidden] = [ticked, !ticked];
  };
  const later = () => (drawing ||= requestAnimationFrame(draw));

  /** The reason in words under the cell; "" takes it away. */
  const mark = (cell, reason) => {
    if (!reason && !bad.has(cell)) return;
    reason ? bad.add(cell) : bad.delete(cell);
    cell.classList.toggle("bo-cell--bad", Boolean(reason));
    reason ? cell.setAttribute("aria-invalid", "true") : cell.removeAttribute("aria-invalid");
    let place = cell.nextElementSibling;
    if (!place && reason) cell.after((place = Object.assign(document.createElement("span"), { className: "bo-error" })));
    if (place) reason ? (place.textContent = reason) : place.remove();
  };
  const judge = (cell) => mark(cell, isPrice(cell) && cell.value.trim() && whole(cell.value) === null ? words.not_whole : "");

  const note = (cell) => {
    const order = cell.closest("[data-order]");
    const changed = isChanged(cell);
    const cells = dirty.get(order) || new Set();
    changed ? cells.add(cell) : cells.delete(cell);
    cells.size ? dirty.set(order, cells) : dirty.delete(order);
    cell.classList.toggle("bo-cell--changed", changed);
    later();
    return order;
  };
  const put = (cell, text) => {
    cell.value = text;
    judge(cell);
    return note(cell);
  };
  const tidy = (cell) => {
    const number = isPrice(cell) ? whole(cell.value) : null;
    if (number !== null && cell.value !== group(number)) cell.value = group(number);
  };

  // --- Typing and moving -----------------------------------------------------------------------------------------------

  let before = "";
  const go = (cell) => {
    cell?.focus();
    cell?.select();
  };
  const beside = (cell, step) => {
    const column = columns[cell.dataset.cell];
    let row = rowOf.get(cell) + step;
    while (column[row]?.disabled) row += step;
    return column[row];
  };
  /** The next cell of the row, then of the next row; undefined at the ends, where Tab leaves the sheet. */
  const across = (cell, step) => {
    let at = rowOf.get(cell) * COLUMNS.length + COLUMNS.indexOf(cell.dataset.cell) + step;
    const found = () => columns[COLUMNS[at % COLUMNS.length]][Math.floor(at / COLUMNS.length)];
    while (at >= 0 && found()?.disabled) at += step;
    return at < 0 ? undefined : found();
  };

  form.addEventListener("focusin", ({ target }) => {
    if (rowOf.has(target)) before = target.value;
  });
  form.addEventListener("input", ({ target }) => {
    if (!rowOf.has(target)) return later();
    if (bad.has(target)) judge(target);
    note(target);
  });
  form.addEventListener("change", ({ target }) => {
    if (!rowOf.has(target)) {
      if (target.matches("[data-tick-all]")) ticks.forEach((tick) => (tick.checked = target.checked && !tick.disabled));
      return later();
    }
    tidy(target);
    put(target, target.value);
  });
  form.addEventListener("keydown", (event) => {
    const cell = event.target;
    if (!rowOf.has(cell) || event.isComposing || event.altKey || event.ctrlKey || event.metaKey) return;
    const to = {
      ArrowDown: () => beside(cell, 1),
      ArrowUp: () => beside(cell, -1),
      Enter: () => beside(cell, event.shiftKey ? -1 : 1),
      Tab: () => across(cell, event.shiftKey ? -1 : 1),
    }[event.key];
    if (to) {
      const next = to();
      if (event.key !== "Tab" || next) event.preventDefault();
      if (event.key === "Enter" && !next) cell.dispatchEvent(new Event("change", { bubbles: true }));
      if (next) go(next);
    } else if (event.key === "Escape") {
      total(put(cell, cell.value === before ? saved.get(cell) : before));
      cell.select();
    }
  });
  document.addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey || event.key.toLowerCase() !== "s") return;
    event.preventDefault();
    const button = form.querySelector("[name=do][value=save]");
    if (button) form.requestSubmit(button);
  });

  // --- Pasting a block -------------------------------------------------------------------------------------------------

  /** Rows of cells as spreadsheets copy them: tabs and line ends, a cell with either is quoted. */
  const cellsOf = (text) => {
    const rows = [[""]];
    let quoted = false;
    for (let at = 0; at < text.length; at += 1) {
      const row = rows[rows.length - 1];
      const letter = text[at];
      if (quoted && letter === '"' && text[at + 1] === '"') row[row.length - 1] += text[(at += 1)];
      else if (letter === '"' && (quoted || row[row.length - 1] === "")) quoted = !quoted;
      else if (!quoted && letter === "\t") row.push("");
      else if (!quoted && letter === "\n") rows.push([""]);
      else row[row.length - 1] += letter;
    }
    if (rows.length > 1 && rows[rows.length - 1].join("") === "") rows.pop();
    return rows;
  };
  form.addEventListener("paste", (event) => {
    const cell = event.target;
    const text = event.clipboardData.getData("text/plain").replace(/\r\n?/g, "\n");
    if (!rowOf.has(cell) || !/[\t\n]/.test(text.replace(/\n$/, ""))) return;
    event.preventDefault();
    const [left, touched, first] = [[], new Set(), COLUMNS.indexOf(cell.dataset.cell)];
    cellsOf(text).forEach((values, down) =>
      values.forEach((value, right) => {
        const said = value.replace(/\s+/g, " ").trim();
        if (!said) return;
        const target = columns[COLUMNS[first + right]]?.[rowOf.get(cell) + down];
        if (!target || target.disabled) return void left.push(said);
        target.value = said;
        tidy(target);
        touched.add(put(target, target.value));
      }),
    );
    touched.forEach((order) => total(order));
    say(left.length ? fill(words.did_not_fit, { values: left.join(", ") }) : "", true);
  });

  // --- Saving ----------------------------------------------------------------------------------------------------------

  const isComplete = (order) => [...order.querySelectorAll("[data-price]")].every((cell) => whole(cell.value));
  const chosenFor = (button) => {
    const ticked = ticks.filter((tick) => tick.checked).map((tick) => orderOf.get(tick.value));
    if (button.name === "confirm") return [orderOf.get(button.value)];
    if (button.value === "confirm") return ticked;
    return button.value === "save" ? [...dirty.keys()] : ticked.filter((order) => dirty.has(order));
  };
  /** The cookie's token rather than the form's: whoever signs in again elsewhere gets a new one, and can then still save this page. */
  const token = () => /(?:^|; )(?:__Host-)?csrftoken=([^;]+)/.exec(document.cookie)?.[1] ?? form.elements.csrfmiddlewaretoken.value;
  const bodyOf = (button, orders) => {
    const body = new URLSearchParams({ [button.name]: button.value });
    for (const order of orders) {
      body.append("tick", order.dataset.order);
      order.querySelectorAll("[data-cell]").forEach(tidy);
      order.querySelectorAll("[type=hidden], [data-cell]").forEach((input) => body.append(input.name, input.value));
    }
    return body;
  };

  const show = (order, result, sent) => {
    order.className = `bo-sheet__order bo-sheet__order--${result.kind}`;
    const place = order.querySelector("[data-outcome]");
    place.textContent = result.words;
    if (result.meanwhile.length) {
      const more = Object.assign(document.createElement("span"), { className: "bo-bulk__meanwhile" });
      more.append(Object.assign(document.createElement("b"), { textContent: words.meanwhile }), ` ${result.meanwhile.join("; ")}`);
      place.append(more);
    }
    if (result.seen) order.querySelector("[type=hidden]").value = result.seen;
    for (const cell of order.querySelectorAll("[data-cell]")) {
      // what this person typed stays where it is not saved; the other cells show what a colleague may have saved meanwhile
      const isTypedSince = sent && cell.value !== sent.get(cell.name);
      const isTyped = isTypedSince || (isChanged(cell) && (!sent || (result.kind === "refused" && !result.is_saved)));
      if (cell.name in result.cells) saved.set(cell, result.cells[cell.name]);
      put(cell, isTyped ? cell.value : saved.get(cell));
      if (result.errors[cell.name]) mark(cell, result.errors[cell.name]);
    }
    if (result.kind === "confirmed") {
      order.querySelectorAll("input, button").forEach((input) => (input.disabled = true));
      order.querySelector("[name=tick]").checked = false;
    }
    total(order);
  };

  let isBusy = false;
  const send = async (button) => {
    const isUndo = button.value === "undo";
    const orders = isUndo ? [] : chosenFor(button);
    if (isBusy) return;
    if (!isUndo && !orders.length) return say(button.value === "save" ? words.nothing : ticks.some((t) => t.checked) ? words.nothing : words.none_ticked);
    if ((button.name === "confirm" || button.value === "confirm") && !confirm(fill(words.confirm, { n: orders.length }))) return;
    isBusy = true;
    say(words.saving);
    const body = bodyOf(button, orders);
    try {
      const answer = await fetch(isUndo ? button.formAction : form.action, {
        method: "POST",
        body,
        credentials: "same-origin",
        headers: { Accept: "application/json", "X-CSRFToken": token() },
      });
      const said = await answer.json();
      for (const result of said.results) {
        const order = orderOf.get(String(result.order));
        if (order) show(order, result, isUndo ? null : body);
      }
      const elsewhere = said.results.filter((result) => result.kind === "refused" && !orderOf.has(String(result.order)));
      say([said.said, ...elsewhere.map((result) => `${result.number}: ${result.words}`)].join(" "), !answer.ok);
      const undo = form.querySelector("[data-undo]");
      if ("undo" in said) [undo.hidden, undo.formAction] = [!said.undo, said.undo];
      form.querySelector(".bo-sheet__order--refused .bo-cell--bad")?.focus();
    } catch {
      say(words.failed, true);
    } finally {
      isBusy = false;
      later();
    }
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (event.submitter) send(event.submitter);
  });
  form.addEventListener("click", ({ target }) => {
    if (!target.closest("[data-tick-complete]")) return;
    ticks.forEach((tick) => (tick.checked = !tick.disabled && isComplete(orderOf.get(tick.value))));
    later();
  });
  addEventListener("beforeunload", (event) => {
    if (dirty.size) event.preventDefault();
  });

  rowOf.forEach((_row, cell) => {
    if (cell.nextElementSibling) bad.add(cell); // what the server marked
    if (cell.dataset.saved !== undefined) note(cell);
  });
  draw();
  // what is to be typed first; a page that came back with refusals is read first
  if (!bad.size) columns.price.find((cell) => !cell.value)?.focus({ preventScroll: true });
});
