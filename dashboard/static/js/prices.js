// Prices as people read them. They arrive as exact decimal text and are shown as such.

import { word } from "./language.js";

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
