// A part of a page that shows what the server answers, in its four states: loading,
// empty with the next step, error with the reason and another try, filled.

import { make } from "./dom.js";
import { word } from "./language.js";

export class Card {
  // `fetch` asks; `draw` makes elements of the answer, none if there is nothing to show;
  // `empty` names the words for that; `failed` may take a failure upon itself.
  constructor(place, { fetch, draw, empty = "card.empty", failed = () => false }) {
    Object.assign(this, { place, fetch, draw, empty, failed });
    this.answer = null;
    this.asked = 0;
    this.problem = make("p", { class: "notice bad", role: "alert" });
    this.retry = make("button", { class: "button", type: "button", "data-word": "error.retry" });
    this.nothing = make("p", { class: "prose", "data-word": empty });
    this.filled = make("div", { "data-when": "filled" });
    this.retry.addEventListener("click", () => this.load());
    place.classList.add("card");
    place.replaceChildren(
      make("div", { class: "card-body", "data-when": "loading", "aria-hidden": "true" },
        bone(""), bone(" half"), bone(""), bone(" short")),
      make("div", { class: "blank", "data-when": "empty" }, this.nothing),
      make("div", { class: "blank", "data-when": "error" }, this.problem, this.retry),
      this.filled,
    );
    this.state("loading");
  }

  async load() {
    const asked = ++this.asked;
    if (this.answer === null) this.state("loading");
    try {
      const answer = await this.fetch();
      // Of two answers the one that was asked for last is shown, whichever came last.
      if (asked !== this.asked) return;
      this.answer = answer;
      this.redraw();
    } catch (failure) {
      if (asked !== this.asked || this.failed(failure)) return;
      this.answer = null;
      this.problem.textContent = failure.message;
      this.state("error");
    }
  }

  // In the language of now.
  redraw() {
    this.retry.textContent = word("error.retry");
    this.nothing.textContent = word(this.empty);
    if (this.answer === null) return;
    const drawn = this.draw(this.answer);
    this.filled.replaceChildren(...drawn);
    this.state(drawn.length ? "filled" : "empty");
  }

  forget() {
    this.answer = null;
  }

  state(name) {
    this.retry.textContent = word("error.retry");
    this.place.dataset.state = name;
    this.place.setAttribute("aria-busy", name === "loading");
  }
}

function bone(size) {
  return make("span", { class: `bone${size}` });
}
