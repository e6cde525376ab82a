/** @file Numbers with their units, as the command line writes them. */

const grouped = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

/** A share from 0 to 1 in percent: `38 %`, `98.2 %`, `0.4 %`. @param {number} share */
export function percent(share) {
  return percentage(share * 100);
}

/** A percentage, on one line: `0.5 %`. @param {number} value */
export function percentage(value) {
  return `${digits(value)}\u00a0%`;
}

/** As many decimals as tell: none from 10 on, except close to 100, and two from 1 to 2, where factors lie. @param {number} value */
export function digits(value) {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1000) return grouped.format(value);
  if (size >= 90 && size < 100) return trim(value.toFixed(size >= 99 ? 2 : 1));
  if (size >= 10) return trim(value.toFixed(size % 1 === 0 ? 0 : size < 20 ? 1 : 0));
  if (size >= 1) return trim(value.toFixed(size < 2 ? 2 : 1));
  return trim(value.toPrecision(2));
}

function trim(text) {
  return text.includes(".") && !text.includes("e") ? text.replace(/\.?0+$/, "") : text;
}

/** A duration as the scenario files write it: `45s`, `5m`, `1h30m`. @param {number|null|undefined} seconds */
export function span(seconds) {
  if (seconds === null || seconds === undefined) return "never";
  if (seconds < 60) return `${trim(seconds.toFixed(seconds < 10 && seconds % 1 ? 1 : 0))}s`;
  const whole = Math.round(seconds);
  const parts = [[Math.floor(whole / 86400), "d"], [Math.floor(whole / 3600) % 24, "h"], [Math.floor(whole / 60) % 60, "m"], [whole % 60, "s"]];
  const first = parts.findIndex(([n]) => n > 0);
  return parts.slice(first, first + 2).filter(([n]) => n > 0).map(([n, unit]) => `${n}${unit}`).join("");
}

/** A number of things: `1,234`, `1.3`. @param {number} value */
export function count(value) {
  if (value >= 1e6) return `${digits(value / 1e6)}M`;
  if (value >= 10 || Number.isInteger(value)) return grouped.format(value);
  return trim(value.toFixed(1));
}

/** Milliseconds: `239 ms`, `1.2 s`. @param {number|null|undefined} millis */
export function millis(millis) {
  if (millis === null || millis === undefined) return "–";
  return millis >= 10_000 ? `${digits(millis / 1000)} s` : `${grouped.format(millis)} ms`;
}

/** An estimate with its interval. @param {{estimate: number, low: number, high: number}} value */
export function share(value) {
  return `${percent(value.estimate)} (${digits(value.low * 100)}–${percent(value.high)})`;
}

/** One of two words by number. @param {number} n @param {string} one @param {string} many */
export function plural(n, one, many = `${one}s`) {
  return `${count(n)} ${n === 1 ? one : many}`;
}
