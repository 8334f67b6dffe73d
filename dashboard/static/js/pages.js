// A list of an operator's: newest first, page by page, in a card with its four states.

import { Card } from "./card.js";
import { make, whileBusy } from "./dom.js";
import { word } from "./language.js";

export class Pages {
  // `ask(query)` answers a page; `name` is its list there; `cursor` how the next one is
  // asked for; `draw(entries)` makes elements of all that came so far.
  constructor(place, { ask, name, draw, empty, failed, cursor = "before" }) {
    Object.assign(this, { ask, name, drawAll: draw, cursor });
    this.entries = [];
    this.next = null;
    this.problem = make("p", { class: "notice", role: "status" });
    this.card = new Card(place, {
      fetch: () => this.first(),
      draw: () => this.draw(),
      empty,
      failed,
    });
  }

  load() {
    return this.card.load();
  }

  // With other filters: what is shown does not stand for them.
  reload() {
    this.card.forget();
    return this.card.load();
  }

  redraw() {
    this.card.redraw();
  }

  async first() {
    const answer = await this.ask({});
    this.entries = answer[this.name];
    this.next = answer.next;
    return this.entries;
  }

  draw() {
    const drawn = this.entries.length ? this.drawAll(this.entries) : [];
    // A page of a filtered list may be empty and still not be the last.
    if (this.next === null) return drawn;
    const button = make("button", { class: "button", type: "button" }, word("list.more"));
    button.addEventListener("click", () => whileBusy(button, () => this.more()));
    return [...drawn, this.problem, make("div", { class: "more" }, button)];
  }

  async more() {
    try {
      const answer = await this.ask({ [this.cursor]: this.next });
      this.entries = [...this.entries, ...answer[this.name]];
      this.next = answer.next;
      this.problem.className = "notice";
      this.problem.textContent = "";
      this.card.redraw();
    } catch (failure) {
      this.problem.className = "notice bad";
      this.problem.textContent = failure.message;
    }
  }
}
