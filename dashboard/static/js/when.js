// Moments as people read them, in their own zone and written the ISO way.

import { make } from "./dom.js";

export function day(iso) {
  const at = new Date(iso);
  return [at.getFullYear(), two(at.getMonth() + 1), two(at.getDate())].join("-");
}

export function minute(iso) {
  const at = new Date(iso);
  return `${day(iso)} ${two(at.getHours())}:${two(at.getMinutes())}`;
}

// An element with the exact moment in its title.
export function when(iso, form = minute) {
  return make("time", { datetime: iso, title: new Date(iso).toString() }, form(iso));
}

function two(number) {
  return String(number).padStart(2, "0");
}
