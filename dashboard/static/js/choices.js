// Choosing one of several: radios that look like tabs, and lists of what a model has.

import { findAll, make } from "./dom.js";

export function choice(name, value, text, checked, chosen) {
  const input = make("input", { type: "radio", name, value });
  input.checked = checked;
  input.addEventListener("change", chosen);
  return make("label", { class: "choice" }, input, make("span", {}, text));
}

// A choice of values that a model has; hidden where it has none or one.
export function offer(select, values, show = String) {
  const before = select.value;
  const options = (values ?? []).map((value) =>
    make("option", { value }, show(value)));
  select.replaceChildren(...options);
  if (findAll("option", select).some((option) => option.value === before)) {
    select.value = before;
  }
  select.closest(".field").hidden = options.length < 2;
}
