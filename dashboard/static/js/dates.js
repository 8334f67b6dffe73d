// Times in the viewer's own zone, written the ISO way; days are UTC days, as the sums
// of the gateway are.

import { make } from "./dom.js";

const DAY_MS = 86_400_000;

export function timeOf(iso) {
  const at = new Date(iso);
  return when(iso, () => `${dayOf(iso)} ${clock(at)}:${two(at.getSeconds())}`);
}

export function minuteOf(iso) {
  return when(iso, () => `${dayOf(iso)} ${clock(new Date(iso))}`);
}

// An element with the exact moment in its title.
export function when(iso, shown = dayOf) {
  return make("time", { datetime: iso, title: new Date(iso).toString() }, shown(iso));
}

export function dayOf(iso) {
  const at = new Date(iso);
  return [at.getFullYear(), two(at.getMonth() + 1), two(at.getDate())].join("-");
}

function clock(at) {
  return `${two(at.getHours())}:${two(at.getMinutes())}`;
}

function two(number) {
  return String(number).padStart(2, "0");
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
