// What the API document shows of this gateway: examples that call it, and the models of
// its configuration with their prices.

import { Card } from "./card.js";
import { Example } from "./code.js";
import { findAll, make } from "./dom.js";
import { learn, translated, word } from "./language.js";
import { isRate, rate, summary } from "./prices.js";
import { sampleOf, sdkOf } from "./samples.js";
import { sheet } from "./sheet.js";
import { readModels } from "./site.js";
import { WORDS } from "./words/offers.js";

learn(WORDS);

let asked = null;

export class Parts {
  // `filled()` answers the address and the key that the examples are to hold.
  constructor(filled) {
    this.filled = filled;
    this.examples = findAll("[data-sample]").map((place) =>
      new Example(place, (dialect) => sampleOf(dialect, place.dataset.sample, filled())),
    );
    this.lists = findAll("[data-models]").map((place) => listOf(place));
    for (const list of this.lists) list.load();
  }

  redraw() {
    const { address, key } = this.filled();
    for (const block of findAll("[data-sdk]")) {
      block.textContent = sdkOf(block.dataset.sdk, address, key);
    }
    for (const part of [...this.examples, ...this.lists]) part.redraw();
  }
}

// One request serves the three tables.
function modelsOnce() {
  asked ??= readModels().finally(() => setTimeout(() => (asked = null)));
  return asked;
}

function listOf(place) {
  const { models: kind, caption } = place.dataset;
  return new Card(place, {
    fetch: modelsOnce,
    empty: "docs.no_models",
    draw: (models) => {
      const rows = models.filter((model) => model.kind === kind);
      return rows.length ? [sheet(caption, COLUMNS[kind], rows)] : [];
    },
  });
}

const ID = { head: "models.id", cell: identity };
const OWNER = { head: "models.owner", cell: (model) => translated(model.owned_by) };
const ABOUT = { head: "docs.about", cell: (model) => translated(model.description) };
const COLUMNS = {
  chat: [
    ID,
    OWNER,
    ABOUT,
    priced("tariff.million_input", "input"),
    priced("tariff.million_output", "output"),
  ],
  image: [ID, OWNER, priced("tariff.image", "image"), ABOUT],
  video: [ID, OWNER, priced("tariff.generation", "generation"), ABOUT],
};

// Of a model that bills something else than its column says, its own unit is told.
function priced(head, meter) {
  const cell = ({ pricing }) => {
    if (!pricing) return "—";
    return isRate(pricing[meter]) ? rate(pricing[meter]) : summary(pricing);
  };
  return { head, cell, number: true };
}

function identity(model) {
  const link = make("a", { href: `/public/models.html#${model.id}` }, make("code", {}, model.id));
  if (model.available) return link;
  return [link, " ", make("span", { class: "badge" }, word("models.unavailable"))];
}
