// Situations: when other rates than the standard ones apply, in words.

import { known, word } from "./language.js";
import { count } from "./money.js";

// What this page does not know yet it says as the server did.
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
