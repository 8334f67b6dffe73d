// Figures of operators: amounts with the exact one in the title, tiles, bars of days.

import { make } from "./dom.js";
import { word } from "./language.js";
import { cents, full, short } from "./money.js";

const SVG = "http://www.w3.org/2000/svg";
const BAR = 6;
const GAP = 2;
const HEIGHT = 32;

export function amount(exact) {
  if (exact === null || exact === undefined) return "—";
  return make("span", { title: full(exact) }, short(exact));
}

export function balance(exact) {
  return make("span", { title: full(exact) }, cents(exact));
}

export function tile(name, value, ...more) {
  return make("div", { class: "tile" },
    make("span", { class: "muted small" }, word(name)),
    make("span", { class: "tile-value" }, value),
    ...more,
  );
}

// Bars for the eye only: the same figures stand in a table. `values` are exact decimal
// text; their heights are rounded to pixels, nothing is computed with them.
export function bars(values) {
  const sizes = values.map((text) => Math.abs(Number(text)));
  const most = Math.max(...sizes, Number.MIN_VALUE);
  const width = values.length * (BAR + GAP);
  const picture = document.createElementNS(SVG, "svg");
  set(picture, { class: "bars", viewBox: `0 0 ${width} ${HEIGHT}`, "aria-hidden": "true" });
  set(picture, { preserveAspectRatio: "none" });
  sizes.forEach((size, place) => {
    const height = size === 0 ? 0 : Math.max(1, Math.round((size / most) * HEIGHT));
    const bar = document.createElementNS(SVG, "rect");
    set(bar, { x: place * (BAR + GAP), y: HEIGHT - height, width: BAR, height });
    if (values[place].startsWith("-")) set(bar, { class: "below" });
    picture.append(bar);
  });
  return picture;
}

function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
}
