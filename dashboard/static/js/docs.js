// The API document: the customer's text, with this site's address, the reader's key and
// the models of the running configuration in it. The key lives in this module only, and
// only as long as the page.

import "./docwords.js";
import "./offerwords.js";
import "./sitewords.js";

import { change } from "./api.js";
import { Card } from "./card.js";
import { Example, redrawExamples } from "./code.js";
import { ask } from "./dialogs.js";
import { find, findAll, make } from "./dom.js";
import { translated, word } from "./language.js";
import { copyFrom } from "./page.js";
import { isRate, rate, summary } from "./prices.js";
import { KEY_PLACEHOLDER, sampleOf, sdkOf } from "./samples.js";
import { sheet } from "./sheet.js";
import { openSite, readModels, site } from "./site.js";

const DEFAULT_ADDRESS = location.origin;
const dialog = find("#fill-dialog");
let plain = null;
let asked = null;

const examples = findAll("[data-sample]").map((place) =>
  new Example(place, (dialect) => sampleOf(dialect, place.dataset.sample, filledIn())),
);
const templates = new Map(
  findAll("[data-block] pre")
    .filter((block) => block.textContent.includes(KEY_PLACEHOLDER))
    .map((block) => [block, block.textContent]),
);
const lists = findAll("[data-models]").map((place) => listOf(place));

for (const button of findAll("[data-block] [data-copy]")) {
  const block = find("pre", button.parentElement);
  button.addEventListener("click", () => copyFrom(button, block.textContent));
}
for (const link of findAll("[data-address]")) {
  link.textContent = `${DEFAULT_ADDRESS}${link.dataset.address}`;
}
wireFill();
for (const list of lists) list.load();
openSite(redraw).then(redraw);
redraw();
followReader();

function filledIn() {
  return { address: DEFAULT_ADDRESS, key: plain };
}

function redraw() {
  for (const list of lists) list.redraw();
  for (const block of findAll("[data-sdk]")) {
    block.textContent = sdkOf(block.dataset.sdk, DEFAULT_ADDRESS, plain ?? KEY_PLACEHOLDER);
  }
  for (const [block, text] of templates) {
    block.textContent = text.replace(KEY_PLACEHOLDER, plain ?? KEY_PLACEHOLDER);
  }
  const answer = find("#answer-register");
  const message = `"message": "${word("docs.registered")}"`;
  answer.textContent = answer.textContent.replace(/"message": ".*"/, message);
  redrawExamples();
  showFill();
}

function showFill() {
  const { user } = site;
  const text = find("#fill-text");
  find("#fill-login").hidden = user !== null;
  find("#fill").hidden = user === null || plain !== null || !user.api_key;
  find("#unfill").hidden = plain === null;
  if (user === null) text.textContent = word("docs.fill_guest");
  else {
    const said = plain === null ? "docs.fill_ready" : "docs.fill_done";
    text.textContent = word(said, { email: user.email, mask: user.api_key ?? "—" });
  }
}

function wireFill() {
  const open = ask(dialog, reveal);
  find("#fill").addEventListener("click", () => {
    find("#fill-email").value = site.user.email;
    open();
  });
  find("#unfill").addEventListener("click", () => {
    plain = null;
    redraw();
    find("#fill").focus();
  });
}

async function reveal() {
  const password = find("#fill-secret").value;
  plain = (await change("user", "reveal_key", { password })).api_key;
  redraw();
  find("#unfill").focus();
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

// The chapter being read is marked in the contents.
function followReader() {
  const links = new Map(findAll(".contents a").map((link) => [link.hash.slice(1), link]));
  const seen = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      const link = links.get(find("h2", target).id);
      if (isIntersecting) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  }, { rootMargin: "-25% 0px -75% 0px" });
  for (const chapter of findAll(".chapter")) seen.observe(chapter);
}
