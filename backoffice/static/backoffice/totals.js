// Totals while one types: won and dollars by the rules of core/money.py (once per line, round half up, fees on the rounded sums).
// Shown only; what is billed is reckoned by the server. Whole numbers throughout (BigInt), the rate in ten-thousandths.
"use strict";

(() => {
  /** `12,000`, `₩12,000`, `１２０００원` -> 12000n; null where it is no whole number. */
  const whole = (text) => {
    const digits = text.normalize("NFKC").trim().replace(/[\s,_'₩￦$]|원$|won$|krw|usd/gi, "");
    return /^\d{1,15}$/.test(digits) ? BigInt(digits) : null;
  };
  const halfUp = (above, below) => (2n * above + below) / (2n * below);
  const rateOf = (text) => {
    const [units, rest = ""] = (text || "").split(".");
    return units ? BigInt(units + (rest + "0000").slice(0, 4)) : null;
  };
  const toCents = (won, rate) => (rate ? halfUp(won * 1000000n, rate) : null);
  const share = (sum, points) => halfUp(sum * BigInt(points), 10000n);
  const larger = (one, other) => (one > other ? one : other);
  // A fee's rule as workflow/fees.py gives it; tiers are [[from, instead]], rising.
  const ruleOf = (text) => (text ? JSON.parse(text) : null);
  const reached = (tiers, amount, otherwise) => tiers.reduce((found, [from, instead]) => (BigInt(from) <= amount ? instead : found), otherwise);
  const feeOn = (rule, won, cents, rate) => {
    if (!rule || won === 0n) return { fee: 0n, feeCents: cents === null ? null : 0n, words: "" };
    const points = reached(rule.tiers, won, rule.bp);
    const [flat, least] = [BigInt(rule.flat), BigInt(rule.min)];
    const fee = share(won, points) + flat;
    if (fee < least) return { fee: least, feeCents: toCents(least, rate), words: `≥ ${krw(least)}` };
    const percent = points || !rule.flat ? [`${points / 100}%`] : [];
    const words = [...percent, ...(rule.flat ? [krw(flat)] : [])].join(" + ");
    return { fee, feeCents: cents === null ? null : share(cents, points) + toCents(flat, rate), words };
  };
  const group = (number) => number.toString().replace(/\B(?=(\d{3})+$)/g, ",");
  const krw = (won) => (won === null ? "–" : `₩${group(won)}`);
  const usd = (cents) => (cents === null ? "" : `$${group(cents / 100n)}.${(cents % 100n).toString().padStart(2, "0")}`);

  const put = (root, name, text) => {
    const output = root.querySelector(`[data-${name}]`);
    if (output) output.textContent = text;
  };

  const money = (root) => {
    // many orders on one page share their terms: those of the nearest element that has them
    const terms = root.closest("[data-rate], [data-fee]")?.dataset || {};
    const rate = rateOf(terms.rate);
    let goods = 0n;
    let cents = rate ? 0n : null;
    for (const input of root.querySelectorAll("[data-price]")) {
      const price = whole(input.value);
      const line = price === null ? null : price * BigInt(input.dataset.quantity);
      const lineCents = line === null ? null : toCents(line, rate);
      const row = input.closest("tr") || root;
      put(row, "line-krw", krw(line));
      put(row, "line-usd", usd(lineCents));
      goods += line ?? 0n;
      if (cents !== null) cents += lineCents ?? 0n;
    }
    const { fee, feeCents, words } = feeOn(ruleOf(terms.fee), goods, cents, rate);
    if (words) put(root, "fee-words", words);
    put(root, "goods-krw", krw(goods));
    put(root, "goods-usd", usd(cents));
    put(root, "fee-krw", krw(fee));
    put(root, "fee-usd", usd(feeCents));
    put(root, "total-krw", krw(goods + fee));
    put(root, "total-usd", usd(cents === null ? null : cents + feeCents));
  };

  const parcel = (root, changed) => {
    const sides = [...root.querySelectorAll("[data-side]")].map((input) => whole(input.value));
    const volume = root.querySelector("[data-volume]");
    if (changed?.matches?.("[data-side]") && sides.every((side) => side)) volume.value = sides.reduce((a, b) => a * b);
    const grams = whole(root.querySelector("[data-weight]").value);
    const cm3 = whole(volume.value);
    const rule = ruleOf(root.dataset.freightRule);
    if (grams === null || cm3 === null || !rule) return put(root, "freight", "");
    const courier = root.querySelector("[name=courier]")?.value ?? root.dataset.forCourier;
    const card = ruleOf(root.dataset.cardRules)?.[courier];
    const { parts, divisor, fee } = card ? byCard(card, grams, cm3) : byPolicy(rule, grams, cm3);
    put(root, "freight", `${(Number(parts) / divisor / 1000).toFixed(2)} kg → ${krw(fee)}`);
  };

  // Chargeable grams times the divisor (`parts`), so that no fraction is lost before the one rounding.
  const charged = (rule, grams, cm3) => larger(grams * BigInt(rule.divisor), cm3);

  /** As `fees.freight_krw`. */
  const byPolicy = (rule, grams, cm3) => {
    const [parts, divisor] = [charged(rule, grams, cm3), BigInt(rule.divisor)];
    const perKg = BigInt(reached(rule.tiers, parts / divisor, rule.per_kg));
    const fee = larger(halfUp(parts * perKg, divisor * 1000n) + BigInt(rule.flat), BigInt(rule.min));
    return { parts, divisor: rule.divisor, fee };
  };

  /** As `rate_cards.by_card`; `fee` is null where the card gives no price. */
  const byCard = (rule, grams, cm3) => {
    const [parts, divisor] = [charged(rule, grams, cm3), BigInt(rule.divisor)];
    const none = { parts, divisor: rule.divisor, fee: null };
    if (grams > BigInt(rule.max)) return none;
    let won = rule.steps.find(([upTo]) => parts <= BigInt(upTo) * divisor)?.[1];
    if (won === undefined) {
      if (!rule.extra) return none;
      const [upTo, last] = rule.steps[rule.steps.length - 1];
      const perKg = divisor * 1000n;
      won = BigInt(last) + ((parts - BigInt(upTo) * divisor + perKg - 1n) / perKg) * BigInt(rule.extra);
    }
    won = BigInt(won);
    return { ...none, fee: won + share(won, rule.fuel) };
  };

  // --- The delivery fee: the sum of what the chosen couriers ask, which the field follows until somebody types another ----

  const fee = (root, changed) => {
    const input = root.querySelector("[data-price]");
    const offers = [...root.querySelectorAll("[data-offers]")].map((row) => row.querySelector("input:checked")?.dataset.krw ?? "");
    const proposed = offers.length && offers.every(Boolean) ? offers.reduce((sum, won) => sum + BigInt(won), 0n) : null;
    if (changed?.type === "radio") {
      if (whole(input.value) === whole(root.dataset.followed ?? input.defaultValue) || !input.value) input.value = proposed ?? "";
      root.dataset.followed = input.value;
      root.querySelector("[data-no-proposal]")?.toggleAttribute("hidden", proposed !== null);
    }
    if (offers.length) put(root, "proposed", krw(proposed));
    const [typed, reason] = [whole(input.value), root.querySelector("[data-reason]")];
    const apart = typed === null || proposed === null ? 0n : larger(typed - proposed, proposed - typed);
    const isFar = proposed !== null && apart * 100n > proposed * BigInt(root.dataset.freeHand || "0");
    if (reason) reason.hidden = !isFar && !reason.querySelector("input").value && !reason.querySelector(".bo-error");
    money(root);
  };

  // --- Refunds: dollars of chosen lines, and whether a second person is needed ------------------------------------------

  /** `12.5`, `$1,012.50` -> cents; null where it is no sum of dollars. */
  const cents = (text) => {
    const [, units, rest = ""] = /^(\d{1,15})(?:\.(\d{0,2}))?$/.exec(text.normalize("NFKC").replace(/[\s,_'$]/g, "")) || [];
    return units === undefined ? null : BigInt(units + rest.padEnd(2, "0"));
  };
  const dollars = (sum) => `${sum / 100n}.${(sum % 100n).toString().padStart(2, "0")}`;

  const refund = (root) => {
    let sum = 0n;
    for (const input of root.querySelectorAll("[data-dollars]")) {
      const typed = input.value.trim() ? cents(input.value) : 0n;
      input.classList.toggle("bo-input--bad", typed === null || typed > BigInt(input.dataset.rest));
      sum += typed ?? 0n;
    }
    put(root, "total", usd(sum));
    const second = sum > 0n && sum + BigInt(root.dataset.alone) > BigInt(root.dataset.limit);
    root.querySelector("[data-second-words]").hidden = !second;
    root.querySelector("[data-alone-words]").hidden = second;
  };

  /** One line's rest, or everything that the payments still hold. */
  const fill = (button) => {
    const within = button.dataset.fill === "line" ? button.closest("tr") : button.closest("form");
    for (const input of within.querySelectorAll("[data-dollars]:not(:disabled)")) {
      const sum = BigInt(button.dataset.fill === "line" ? input.dataset.rest : input.dataset.most);
      input.value = sum ? dollars(sum) : "";
      input.dispatchEvent(new Event("input", { bubbles: true }));
    }
  };

  const kinds = { parcel, refund, fee };
  const total = (root, changed) => (kinds[root.dataset.totals] || money)(root, changed);
  window.boTotals = { whole, group, total, byCard };
  const all = () => document.querySelectorAll("[data-totals]").forEach((root) => total(root));

  document.addEventListener("input", (event) => {
    const root = event.target.closest?.("[data-totals]");
    if (root) total(root, event.target);
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-fill]");
    if (button) fill(button);
  });
  document.addEventListener("DOMContentLoaded", all);
  document.addEventListener("bo:refreshed", all);
})();
