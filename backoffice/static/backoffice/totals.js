// Totals while one types: won and dollars by the rules of core/money.py (once per line, round half up, fees on the rounded sums).
// Shown only; what is billed is reckoned by the server. Whole numbers throughout (BigInt), the rate in ten-thousandths.
"use strict";

(() => {
  /** `12,000`, `₩12,000`, `１２０００원` -> 12000n; null where it is no whole number. */
  const whole = (text) => {
    const digits = text.normalize("NFKC").replace(/[\s,_'₩￦$]|원$/g, "");
    return /^\d{1,15}$/.test(digits) ? BigInt(digits) : null;
  };
  const halfUp = (above, below) => (2n * above + below) / (2n * below);
  const rateOf = (text) => {
    const [units, rest = ""] = (text || "").split(".");
    return units ? BigInt(units + (rest + "0000").slice(0, 4)) : null;
  };
  const toCents = (won, rate) => (rate ? halfUp(won * 1000000n, rate) : null);
  const share = (sum, points) => halfUp(sum * BigInt(points), 10000n);
  const group = (number) => number.toString().replace(/\B(?=(\d{3})+$)/g, ",");
  const krw = (won) => (won === null ? "–" : `₩${group(won)}`);
  const usd = (cents) => (cents === null ? "" : `$${group(cents / 100n)}.${(cents % 100n).toString().padStart(2, "0")}`);

  const put = (root, name, text) => {
    const output = root.querySelector(`[data-${name}]`);
    if (output) output.textContent = text;
  };

  const money = (root) => {
    const rate = rateOf(root.dataset.rate);
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
    const fee = share(goods, root.dataset.feeBp || 0);
    const feeCents = cents === null ? null : share(cents, root.dataset.feeBp || 0);
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
    const { divisor, krwPerKg } = root.dataset;
    if (grams === null || cm3 === null || !divisor) return put(root, "freight", "");
    // chargeable grams times the divisor, so that no fraction is lost before the one rounding
    const chargeable = grams * BigInt(divisor) > cm3 ? grams * BigInt(divisor) : cm3;
    const fee = halfUp(chargeable * BigInt(krwPerKg), BigInt(divisor) * 1000n);
    put(root, "freight", `${(Number(chargeable) / Number(divisor) / 1000).toFixed(2)} kg → ${krw(fee)}`);
  };

  const total = (root, changed) => (root.dataset.totals === "parcel" ? parcel(root, changed) : money(root));
  const all = () => document.querySelectorAll("[data-totals]").forEach((root) => total(root));

  document.addEventListener("input", (event) => {
    const root = event.target.closest?.("[data-totals]");
    if (root) total(root, event.target);
  });
  document.addEventListener("DOMContentLoaded", all);
  document.addEventListener("bo:refreshed", all);
})();
