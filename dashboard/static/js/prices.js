// Prices as people read them. They arrive as exact decimal text and are shown as such.

import { count } from "./money.js";
import { known, word } from "./words.js";

const TOKEN_METERS = ["input", "output", "cache_read", "cache_write", "cache_write_1h"];
const UNITS = ["image", "generation", "second"];

// What a model bills: tokens by the million, else images, generations or seconds.
export function unitOf(rates) {
  const [meter] = metersOf(rates);
  return UNITS.includes(meter) ? meter : "tokens";
}

export function metersOf(rates) {
  const named = Object.keys(rates).filter((meter) => meter !== "cases" && isRate(rates[meter]));
  const place = (meter) => (TOKEN_METERS.indexOf(meter) + 1 || TOKEN_METERS.length + 1);
  return named.sort((one, other) => place(one) - place(other));
}

export function isRate(value) {
  return typeof value === "string" && /^\d+(\.\d+)?$/.test(value);
}

export function rate(text) {
  return text === undefined ? "—" : `$${text}`;
}

// In one line: what most people compare.
export function summary(rates) {
  const unit = unitOf(rates);
  const values = { input: rate(rates.input), output: rate(rates.output), rate: rate(rates[unit]) };
  return word(`price.${unit}`, values);
}

// When other rates apply, in words; what this page does not know yet it says as the
// server did.
export function whenOf(entry) {
  const said = Object.entries(entry.conditions ?? {}).map(([name, value]) => {
    if (name === "thinking") return word(value ? "when.thinking" : "when.plain");
    if (name === "input_above") return word("when.input_above", { count: count(value) });
    if (name === "hours") return word("when.hours", { hours: value.map(hours).join(", ") });
    const key = `when.${name}`;
    return known(key) ? word(key, { value: [value].flat().join(" / ") }) : null;
  });
  return said.length === 0 || said.includes(null) ? entry.when : said.join(" · ");
}

// "Mon-Fri 01:00-04:00"
function hours(text) {
  const named = text.replace(/[A-Z][a-z]{2}/g, (day) => word(`day.${day.toLowerCase()}`));
  return named.replaceAll("-", "–");
}
