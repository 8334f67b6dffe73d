// Times in the viewer's own zone, written the ISO way; days are UTC days, as the sums
// of the gateway are.

import { make } from "./dom.js";

const DAY_MS = 86_400_000;

export function timeOf(iso) {
  const at = new Date(iso);
  const two = (number) => String(number).padStart(2, "0");
  const date = [at.getFullYear(), two(at.getMonth() + 1), two(at.getDate())].join("-");
  const time = [two(at.getHours()), two(at.getMinutes()), two(at.getSeconds())].join(":");
  return make("time", { datetime: iso, title: at.toString() }, `${date} ${time}`);
}

export function today() {
  return new Date().toISOString().slice(0, 10);
}

export function shifted(day, days) {
  return new Date(Date.parse(day) + days * DAY_MS).toISOString().slice(0, 10);
}

// Every day from one to another, both included.
export function daysOf(from, to) {
  const count = Math.round((Date.parse(to) - Date.parse(from)) / DAY_MS) + 1;
  return Array.from({ length: Math.max(count, 0) }, (_, number) => shifted(from, number));
}

// 1204 ms reads 1.20 s.
export function seconds(milliseconds) {
  if (milliseconds === null || milliseconds === undefined) return "—";
  if (milliseconds < 1000) return `${milliseconds} ms`;
  return `${(milliseconds / 1000).toFixed(milliseconds < 10_000 ? 2 : 1)} s`;
}
