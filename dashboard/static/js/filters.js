// The filters of a list: fields whose values stand in the address of the view, so that
// a filtered list can be shared, reloaded and gone back to.

import { addressOf } from "./address.js";
import { read } from "./api.js";
import { find, make } from "./dom.js";
import { word } from "./words.js";

const YEAR_DAYS = 365;

export class Filters {
  // `known` is called when the models and keys have arrived.
  constructor(form, view, known = () => {}) {
    this.form = form;
    this.view = view;
    this.known = known;
    this.values = {};
    this.models = [];
    this.keys = [];
    this.asked = false;
    this.fields = [...form.elements].filter((field) => field.name);
    for (const field of this.fields) {
      field.addEventListener("change", () => this.go(this.told()));
    }
    form.addEventListener("submit", (event) => event.preventDefault());
    find("[data-clear]", form).addEventListener("click", () => this.clear());
    this.fold = find("[data-fold]", form);
    this.fold.addEventListener("click", () => {
      this.fold.setAttribute("aria-expanded", form.classList.toggle("open"));
    });
  }

  // What the address says, as far as there is a field for it.
  take(query) {
    const wanted = this.fields.map(({ name }) => [name, query.get(name) ?? ""]);
    this.values = Object.fromEntries(wanted.filter(([, value]) => value));
    this.draw();
    if (!this.asked) this.ask();
  }

  told() {
    const filled = this.fields.filter((field) => field.value && field.validity.valid);
    return Object.fromEntries(filled.map((field) => [field.name, field.value]));
  }

  go(values) {
    location.hash = addressOf(this.view, values);
  }

  // The fields that choose a way to look at things are no filters.
  get filtering() {
    const names = this.fields
      .filter((field) => !("looks" in field.dataset))
      .map(({ name }) => name);
    return names.filter((name) => name in this.values);
  }

  clear() {
    const left = Object.entries(this.values).filter(
      ([name]) => !this.filtering.includes(name),
    );
    this.go(Object.fromEntries(left));
  }

  // Models and keys to choose from: those this account has used. Without them the
  // filters still work, by what the address names.
  async ask() {
    this.asked = true;
    const since = new Date(Date.now() - YEAR_DAYS * 86_400_000).toISOString().slice(0, 10);
    try {
      const [used, held] = await Promise.all([
        read("user", "usage", { by: "model", from: since }),
        read("user", "keys"),
      ]);
      this.models = used.usage.map((sums) => [sums.model, sums.model]);
      this.keys = held.keys.map((key) => [String(key.id), keyName(key)]);
      this.draw();
      this.known();
    } catch {
      this.asked = false;
    }
  }

  draw() {
    this.choices("model", this.models);
    this.choices("key_id", this.keys);
    for (const field of this.fields) {
      field.value = this.values[field.name] ?? "";
      // What a select does not offer is its first choice.
      if (field.selectedIndex === -1) field.value = "";
    }
    const count = this.filtering.length;
    find("[data-clear]", this.form).hidden = !count;
    this.fold.textContent = count
      ? word("filter.name_count", { count })
      : word("filter.name");
  }

  choices(name, known) {
    const field = find(`select[name="${name}"]`, this.form);
    if (!field) return;
    const chosen = this.values[name];
    const listed = known.some(([value]) => value === chosen) || !chosen;
    const all = listed ? known : [...known, [chosen, chosen]];
    field.replaceChildren(
      make("option", { value: "" }, word("filter.all")),
      ...all.map(([value, shown]) => make("option", { value }, shown)),
    );
  }
}

export function keyName(key) {
  return [key.label || (key.default && word("filter.default_key")), key.mask]
    .filter(Boolean)
    .join(" · ");
}
