// Code to read and copy: an example in one of several languages, chosen once for every
// example of every page.

import { make } from "./dom.js";
import { word } from "./language.js";
import { copyFrom } from "./page.js";
import { DIALECTS } from "./samples.js";

const STORED = "autolist.code";
const STEPS = { ArrowRight: 1, ArrowLeft: -1, Home: -Infinity, End: Infinity };
const examples = new Set();
let chosen = stored();

// Shows what `write(dialect)` gives, under a tab for each language.
export class Example {
  constructor(place, write) {
    this.place = place;
    this.write = write;
    this.code = make("pre", { role: "tabpanel", tabindex: "0" });
    this.copy = make("button", { class: "button", type: "button", "data-word": "copy.name" });
    this.copy.addEventListener("click", () => copyFrom(this.copy, this.code.textContent));
    this.tabs = new Map(DIALECTS.map((dialect) => [dialect, this.tab(dialect)]));
    this.list = make("div", { class: "tabs", role: "tablist" }, ...this.tabs.values());
    const block = make("div", { class: "code with-copy" }, this.code, this.copy);
    place.replaceChildren(this.list, block);
    examples.add(this);
    this.redraw();
  }

  tab(dialect) {
    const tab = make("button", { class: "tab", type: "button", role: "tab" });
    tab.append(word(`code.${dialect}`));
    tab.addEventListener("click", () => choose(dialect));
    tab.addEventListener("keydown", (event) => this.step(event, dialect));
    return tab;
  }

  step(event, dialect) {
    const by = STEPS[event.key];
    if (by === undefined) return;
    event.preventDefault();
    const place = Math.min(Math.max(DIALECTS.indexOf(dialect) + by, 0), DIALECTS.length - 1);
    choose(DIALECTS[place]);
    this.tabs.get(chosen).focus();
  }

  redraw() {
    this.list.setAttribute("aria-label", word("code.languages"));
    for (const [dialect, tab] of this.tabs) {
      tab.setAttribute("aria-selected", dialect === chosen);
      tab.setAttribute("tabindex", dialect === chosen ? "0" : "-1");
    }
    this.code.setAttribute("aria-label", word(`code.${chosen}`));
    this.code.textContent = this.write(chosen);
    this.copy.textContent = word("copy.name");
  }

  // What has left the page is not drawn again.
  drop() {
    examples.delete(this);
  }
}

function choose(dialect) {
  chosen = dialect;
  try {
    localStorage.setItem(STORED, dialect);
  } catch {
    // Storage may be forbidden; the choice then lasts as long as the page.
  }
  for (const example of examples) example.redraw();
}

function stored() {
  try {
    const dialect = localStorage.getItem(STORED);
    if (DIALECTS.includes(dialect)) return dialect;
  } catch {
    // As above.
  }
  return DIALECTS[0];
}
