// 用量: what was used, by day, model or key, as a chart and as a table, filtered by the
// address.

import { addressOf } from "./address.js";
import { read } from "./api.js";
import { Chart } from "./chart.js";
import { daysOf, shifted, today } from "./dates.js";
import { find, findAll, make } from "./dom.js";
import { Filters, keyName } from "./filters.js";
import { MEASURES } from "./measures.js";
import { count, full, nano, short } from "./money.js";
import { term, word } from "./words.js";

const GROUPS = ["day", "model", "key"];
const INPUTS = ["input", "cache_read", "cache_write"];
const CSV_FILTERS = ["model", "key_id", "from", "to"];

// The columns, and what of the sums stands in them; `rare` ones only where there is any.
const COLUMNS = [
  { name: "requests", of: (sums) => sums.requests },
  { name: "failed", of: (sums) => sums.failed },
  { name: "input", of: (sums) => INPUTS.reduce((sum, meter) => sum + sums[meter], 0) },
  { name: "cached", of: (sums) => sums.cache_read },
  { name: "output", of: (sums) => sums.output },
  { name: "images", of: (sums) => sums.images, rare: true },
  { name: "videos", of: (sums) => sums.videos, rare: true },
];

export class Usage {
  constructor(account) {
    this.account = account;
    this.section = find("#usage");
    this.state = find("#usage-state");
    this.table = find("#usage-table");
    this.filters = new Filters(find("#usage-filters"), "usage", () => this.redraw());
    this.chart = new Chart(find("#usage-chart"), (day) => {
      location.hash = this.entriesOf({ from: day, to: day });
    });
    this.shown = null;
    this.turn = 0;
    find("[data-retry]", this.state).addEventListener("click", () => this.load());
    for (const button of findAll("[data-period]", this.section)) {
      button.addEventListener("click", () => this.goBack(Number(button.dataset.period)));
    }
  }

  open(query) {
    this.filters.take(query);
    return this.load();
  }

  redraw() {
    this.filters.draw();
    if (this.shown) this.draw();
  }

  get group() {
    const { by } = this.filters.values;
    return GROUPS.includes(by) ? by : GROUPS[0];
  }

  // To the last so many days.
  goBack(days) {
    const to = today();
    this.filters.go({ ...this.filters.values, from: shifted(to, 1 - days), to });
  }

  async load() {
    this.turn += 1;
    const { turn } = this;
    const { by, measure, ...asked } = this.filters.values;
    if (!this.shown) this.state.dataset.state = "loading";
    this.state.setAttribute("aria-busy", "true");
    try {
      const [daily, grouped] = await Promise.all([
        read("user", "usage", { ...asked, by: "day_model" }),
        read("user", "usage", { ...asked, by: this.group }),
      ]);
      if (turn !== this.turn) return;
      this.shown = { daily, grouped };
      this.draw();
    } catch (failure) {
      if (failure.status === 401) return this.account.leave();
      if (turn !== this.turn) return;
      find("[data-error]", this.state).textContent = failure.message;
      this.state.dataset.state = "error";
    }
    this.state.setAttribute("aria-busy", "false");
  }

  draw() {
    const { daily, grouped } = this.shown;
    this.state.dataset.state = grouped.usage.length ? "filled" : "empty";
    find("#usage-period").textContent = word("usage.period", grouped);
    this.drawPeriods(grouped);
    this.drawTotal(grouped.total);
    this.drawTable(grouped);
    this.drawCsv();
    const measure = MEASURES[this.filters.values.measure] ?? MEASURES.cost;
    this.chart.draw(daily.usage, daysOf(daily.from, daily.to), measure);
  }

  drawPeriods({ from, to }) {
    for (const button of findAll("[data-period]", this.section)) {
      const days = Number(button.dataset.period);
      button.setAttribute("aria-pressed", to === today() && from === shifted(to, 1 - days));
    }
  }

  drawCsv() {
    const chosen = CSV_FILTERS.filter((name) => this.filters.values[name]);
    const query = new URLSearchParams({
      action: "usage_csv",
      from: this.shown.grouped.from,
      to: this.shown.grouped.to,
    });
    for (const name of chosen) query.set(name, this.filters.values[name]);
    find("#usage-csv").href = `/api/user.php?${query}`;
  }

  drawTotal(total) {
    const facts = [
      ["usage.cost", short(total.cost), full(total.cost)],
      ...this.columns(total).map((column) => [
        `usage.${column.name}`,
        count(column.of(total)),
        "",
      ]),
    ];
    find("#usage-total").replaceChildren(
      ...facts.map(([name, shown, title]) =>
        make(
          "div",
          {},
          make("dt", {}, word(name)),
          make("dd", title ? { title } : {}, shown),
        ),
      ),
    );
  }

  columns(total) {
    return COLUMNS.filter((column) => !column.rare || column.of(total));
  }

  drawTable({ usage, total }) {
    const columns = this.columns(total);
    const largest = usage.reduce(
      (most, sums) => (nano(sums.cost) > most ? nano(sums.cost) : most),
      0n,
    );
    const head = make(
      "tr",
      {},
      make("th", { scope: "col" }, word(`usage.${this.group}`)),
      ...columns.map((column) =>
        make("th", { scope: "col", class: "number" }, word(`usage.${column.name}`)),
      ),
      make("th", { scope: "col", class: "number" }, word("usage.cost")),
    );
    const rows = this.group === "day" ? [...usage].reverse() : usage;
    this.table.replaceChildren(
      make("thead", {}, head),
      make("tbody", {}, ...rows.map((sums) => this.row(sums, columns, largest))),
    );
  }

  row(sums, columns, largest) {
    const [name, filter] = this.named(sums);
    const cells = columns.map((column) => {
      const amount = column.of(sums);
      const kind = amount ? "number" : "number muted";
      return make(
        "td",
        { class: kind, "data-label": word(`usage.${column.name}`) },
        count(amount),
      );
    });
    const cost = make(
      "td",
      { class: "number amount", title: full(sums.cost) },
      short(sums.cost),
      share(nano(sums.cost), largest),
    );
    return make(
      "tr",
      {},
      make("th", { scope: "row" }, make("a", { href: this.entriesOf(filter) }, name)),
      ...cells,
      cost,
    );
  }

  // What a row is of, and the filter that leads to its entries.
  named(sums) {
    if (this.group === "day") return [sums.day, { from: sums.day, to: sums.day }];
    if (this.group === "model") return [sums.model, { model: sums.model }];
    const id = String(sums.key_id);
    const known = this.filters.keys.find(([value]) => value === id);
    const name = known?.[1] ?? (sums.key ? keyName(sums.key) : `#${id}`);
    const revoked =
      sums.key && sums.key.status !== "active"
        ? ` · ${term("key_status", sums.key.status)}`
        : "";
    return [name + revoked, { key_id: id }];
  }

  // The charges behind a figure.
  entriesOf(filter) {
    const { grouped } = this.shown;
    const { model, key_id: keyId } = this.filters.values;
    const kept = {
      type: "usage",
      ...(model && { model }),
      ...(keyId && { key_id: keyId }),
    };
    return addressOf("transactions", {
      ...kept,
      from: grouped.from,
      to: grouped.to,
      ...filter,
    });
  }
}

// How much of the largest, in thousandths: for the eye only.
function share(amount, largest) {
  const bar = make("span", { class: "share", "aria-hidden": "true" });
  const thousandths = largest ? Number((amount * 1000n) / largest) : 0;
  bar.style.setProperty("--share", `${thousandths / 10}%`);
  return bar;
}
