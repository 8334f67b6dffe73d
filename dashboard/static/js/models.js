// 模型: every model with what it costs, what can be asked of it, and the code that asks.
// The filter is in the address, and so is the model that is open.

import { Card } from "./card.js";
import { Example } from "./code.js";
import { find, findAll, make } from "./dom.js";
import { learn, translated, word } from "./language.js";
import { count } from "./money.js";
import { copyFrom } from "./page.js";
import { metersOf, rate, summary, unitOf } from "./prices.js";
import { sampleOf } from "./samples.js";
import { sheet } from "./sheet.js";
import { openSite, readModels } from "./site.js";
import { whenOf } from "./situations.js";
import { WORDS as MODELS } from "./words/models.js";
import { WORDS as OFFERS } from "./words/offers.js";

learn(MODELS);
learn(OFFERS);

const LIMITS = [
  "context_length",
  "max_output_tokens",
  "sizes",
  "qualities",
  "styles",
  "durations",
  "aspect_ratios",
  "resolutions",
  "max_images",
  "max_prompt_characters",
];
const PLAYGROUND = "/public/dashboard.html#playground";
const query = new URLSearchParams(location.search);
const search = find("#search");
const kinds = findAll("[name=kind]");
const shown = new Map();

const list = new Card(find("#models"), {
  fetch: readModels,
  empty: "models.none",
  draw: drawAll,
});

search.value = query.get("q") ?? "";
for (const radio of kinds) {
  radio.checked = radio.value === (query.get("kind") ?? "");
  radio.addEventListener("change", filter);
}
if (!kinds.some((radio) => radio.checked)) kinds[0].checked = true;
search.addEventListener("input", filter);
search.form.addEventListener("submit", (event) => event.preventDefault());
addEventListener("hashchange", openAsked);
openSite(redraw);
redraw();
list.load().then(openAsked);

function redraw() {
  search.placeholder = word("models.search");
  list.redraw();
}

function drawAll(models) {
  const open = [...shown.values()].filter(({ row }) => row.open).map(({ model }) => model.id);
  for (const { example } of shown.values()) example?.drop();
  shown.clear();
  for (const model of models) shown.set(model.id, { model, row: rowOf(model), example: null });
  for (const id of open) if (shown.has(id)) shown.get(id).row.open = true;
  filter();
  return [...shown.values()].map(({ row }) => row);
}

function filter() {
  const kind = kinds.find((radio) => radio.checked).value;
  const wanted = search.value.trim().toLowerCase();
  let found = 0;
  for (const { model, row } of shown.values()) {
    row.hidden = !(fits(model, wanted) && (!kind || model.kind === kind));
    found += !row.hidden;
  }
  const fitting = found ? word("models.found", { count: found }) : word("models.unmatched");
  find("#found").textContent = shown.size ? fitting : "";
  const address = new URLSearchParams();
  if (wanted) address.set("q", wanted);
  if (kind) address.set("kind", kind);
  const text = String(address);
  history.replaceState(null, "", `${location.pathname}${text && `?${text}`}${location.hash}`);
}

function fits(model, wanted) {
  const said = [model.id, model.owned_by, model.description];
  return [...said, ...said.slice(1).map(translated)].some((text) =>
    String(text ?? "").toLowerCase().includes(wanted),
  );
}

// Anybody can write an address, also one that cannot be read.
function nameIn(hash) {
  try {
    return decodeURIComponent(hash.slice(1));
  } catch {
    return "";
  }
}

// The model that the address names, if it is there.
function openAsked() {
  const entry = shown.get(nameIn(location.hash));
  if (!entry || entry.row.hidden) return;
  entry.row.open = true;
  entry.row.scrollIntoView({ block: "start" });
  find("summary", entry.row).focus({ preventScroll: true });
}

function rowOf(model) {
  const row = make("details", { class: "offer", name: "model" }, summaryOf(model));
  row.addEventListener("toggle", () => {
    if (!row.open || row.dataset.filled) return;
    row.dataset.filled = "yes";
    row.append(detailOf(model));
  });
  return row;
}

function summaryOf(model) {
  const state = model.available ? "good" : "bad";
  return make("summary", {},
    make("span", { class: "offer-name" },
      make("code", {}, model.id),
      make("span", { class: "muted" }, translated(model.description))),
    make("span", { class: "offer-owner muted" }, translated(model.owned_by)),
    make("span", { class: "offer-price number" },
      model.pricing ? summary(model.pricing) : word("models.no_price")),
    make("span", { class: `status ${state}` },
      word(model.available ? "models.available" : "models.unavailable")),
  );
}

function detailOf(model) {
  const copy = make("button", { class: "button", type: "button", "data-word": "models.copy" });
  copy.textContent = word("models.copy");
  copy.addEventListener("click", () => copyFrom(copy, model.id));
  const sample = make("div", { class: "sample" });
  const place = {
    address: location.origin,
    model: model.id,
    size: model.sizes?.[0],
    duration: model.default_duration,
  };
  const write = (dialect) => sampleOf(dialect, model.kind, place);
  shown.get(model.id).example = new Example(sample, write);
  const why = model.available ? [] : [make("p", { class: "notice warn" }, word("models.why"))];
  return make("div", { class: "offer-detail" },
    ...why,
    make("div", { class: "row" },
      copy,
      make("a", { class: "button", href: PLAYGROUND }, word("models.try"))),
    ...pricesOf(model),
    limitsOf(model),
    make("h3", {}, word("models.sample")),
    sample,
  );
}

function pricesOf({ pricing }) {
  if (!pricing) return [];
  const unit = unitOf(pricing);
  const rows = [pricing, ...(pricing.cases ?? [])];
  const meters = metersOf(pricing);
  const plain = word("models.always");
  const columns = [
    { head: "models.when", cell: (entry) => (entry === pricing ? plain : whenOf(entry)) },
    ...meters.map((meter) => ({
      head: `tariff.${meter}`,
      number: true,
      cell: (entry) => rate(inForce(pricing, entry, meter)),
    })),
  ];
  const caption = `prices.${unit}`;
  return [make("h3", {}, word(caption)), sheet(caption, columns, rows)];
}

// Cases apply from top to bottom, each over those before it: where one holds, so does
// every one above it that asks for no more.
function inForce(pricing, entry, meter) {
  const cases = pricing.cases ?? [];
  const above = cases.slice(0, cases.indexOf(entry) + 1);
  const holding = above.filter(({ conditions }) =>
    Object.entries(conditions).every(([name, value]) =>
      String(entry.conditions?.[name]) === String(value)),
  );
  return holding.findLast((one) => one[meter] !== undefined)?.[meter] ?? pricing[meter];
}

function limitsOf(model) {
  const facts = make("dl", { class: "terms" });
  for (const name of LIMITS) {
    // Of videos they follow from ratio and resolution.
    if (name === "sizes" && model.kind === "video") continue;
    const value = said(name, model[name]);
    if (value) facts.append(make("dt", {}, word(`limit.${name}`)), make("dd", {}, value));
  }
  return make("div", {}, make("h3", {}, word("models.limits")), facts);
}

function said(name, value) {
  if (value === undefined || value === null || value.length === 0) return null;
  if (!Array.isArray(value)) return count(value);
  if (name !== "durations") return value.join(" · ");
  const whole = value.length > 2 && value.at(-1) - value[0] === value.length - 1;
  const seconds = whole ? `${value[0]}–${value.at(-1)}` : value.join(" · ");
  return word("limit.seconds", { seconds });
}
