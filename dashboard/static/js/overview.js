// 概览: where the account stands, what it used and what came last; for a new account,
// the steps to a first call, ticked as they are done.

import { addressOf } from "./address.js";
import { read } from "./api.js";
import { daysOf, seconds, shifted, timeOf } from "./dates.js";
import { find, findAll, make } from "./dom.js";
import { MEASURES } from "./measures.js";
import { count, full, short } from "./money.js";
import { language, term, word } from "./words.js";

const DAYS = 30;
const YEAR = 365;
const SPANS = ["today", "week", "month"];
const LOOK_MS = 4000;
const KEY_ACTS = ["key_revealed", "key_regenerated", "key_created"];

export class Overview {
  constructor(account) {
    this.account = account;
    this.section = find("#overview");
    this.state = find("#overview-state");
    this.figures = find("#overview-figures");
    this.recent = find("#overview-recent");
    this.chart = null;
    this.days = DAYS;
    this.shown = null;
    this.keyTaken = false;
    // An account that began without a call keeps its steps until it is left.
    this.isNew = false;
    this.watch = null;
    this.turn = 0;
    find("[data-retry]", this.state).addEventListener("click", () => this.open(this.query));
    addEventListener("focus", () => {
      if (this.shown && !this.section.hidden) this.look({ quiet: true });
    });
  }

  async open(query) {
    this.query = query;
    this.days = Number(query.get("days")) || DAYS;
    for (const link of findAll("[data-days]", this.section)) {
      const chosen = Number(link.dataset.days) === this.days;
      if (chosen) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
    if (!this.shown) this.state.dataset.state = "loading";
    this.watch ??= setInterval(() => this.watchNew(), LOOK_MS);
    await this.look();
  }

  close() {
    clearInterval(this.watch);
    this.watch = null;
    this.isNew = false;
  }

  // Only while somebody looks at steps that are not done.
  async watchNew() {
    if (this.isNew && !document.hidden && !charged(this.shown))
      await this.look({ quiet: true });
  }

  // `quiet`: nobody asked for it, so what is shown stays where it fails.
  async look({ quiet = false } = {}) {
    this.turn += 1;
    const { turn } = this;
    try {
      const shown = await read("user", "overview", { days: this.days });
      this.isNew ||= !shown.recent.length;
      if (this.isNew) await this.lookForKey();
      if (turn !== this.turn) return;
      this.shown = shown;
      this.draw();
    } catch (failure) {
      if (failure.status === 401) return this.account.leave();
      if (quiet || turn !== this.turn) return;
      find("[data-error]", this.state).textContent = failure.message;
      this.state.dataset.state = "error";
    }
  }

  async lookForKey() {
    const { acts } = await read("user", "activity", { limit: 50 });
    this.keyTaken = acts.some((entry) => KEY_ACTS.includes(entry.act));
  }

  redraw() {
    if (this.shown) this.draw();
  }

  draw() {
    const { shown } = this;
    this.account.balanceChanged(shown.balance_exact);
    this.state.dataset.state = shown.recent.length ? "filled" : "empty";
    find("#overview-low").hidden = !shown.low_balance;
    this.drawLasting();
    this.drawSteps();
    this.drawFigures();
    this.recent.replaceChildren(...shown.recent.map(requestRow));
    this.drawChart();
  }

  // Fetched after the figures are there: nobody waits for a chart.
  async drawChart() {
    const figure = find("#overview-chart");
    let Chart;
    try {
      ({ Chart } = await import("./chart.js"));
    } catch {
      find("[data-notice]", figure).hidden = false;
      return;
    }
    this.chart ??= new Chart(figure, (day) => {
      location.hash = addressOf("transactions", { type: "usage", from: day, to: day });
    });
    const { chart, from, to } = this.shown;
    this.chart.draw(chart, daysOf(from, to), MEASURES.cost);
  }

  drawLasting() {
    const { days_left: left, held } = this.shown;
    find("#overview-lasting").textContent = lastingOf(left);
    const holding = find("#overview-held");
    holding.hidden = Number(held) === 0;
    holding.textContent = word("balance.held", { held: short(held) });
    holding.title = full(held);
  }

  drawSteps() {
    const { recent } = this.shown;
    const first = charged(this.shown);
    find("#overview-steps").hidden = !this.isNew;
    tick("key", this.keyTaken || recent.length > 0);
    tick("call", recent.length > 0);
    tick("charge", Boolean(first));
    find("#step-charge [data-word='steps.charge_text']").hidden = Boolean(first);
    const link = find("#step-link");
    link.hash = first
      ? addressOf("transactions", { receipt: first.request_id })
      : "#transactions";
    link.textContent = first
      ? word("steps.charged", { amount: short(first.paid) })
      : word("transactions.name");
  }

  drawFigures() {
    const { spend, requests, failed, to } = this.shown;
    const from = { today: to, week: shifted(to, -6), month: `${to.slice(0, 8)}01` };
    const address = (span) => addressOf("usage", { from: from[span], to });
    const rows = [
      ["overview.spend", (span) => amountLink(spend[span], address(span))],
      [
        "overview.requests",
        (span) => make("a", { href: address(span) }, count(requests[span])),
      ],
      ["overview.failed", (span) => failedOf(failed[span], requests[span])],
    ];
    this.figures.replaceChildren(
      ...rows.map(([name, figure]) =>
        make(
          "tr",
          {},
          make("th", { scope: "row" }, word(name)),
          ...SPANS.map((span) => make("td", { class: "number" }, figure(span))),
        ),
      ),
    );
  }
}

// The latest request that cost something.
function charged(shown) {
  return shown?.recent.find((request) => Number(request.paid) > 0);
}

function lastingOf(days) {
  if (days === null) return word("balance.unknown");
  return days > YEAR ? word("balance.long") : word("balance.lasts", { days: count(days) });
}

function tick(step, done) {
  const item = find(`#step-${step}`);
  item.classList.toggle("ticked", done);
  find("[data-done]", item).textContent = done ? word("steps.done") : "";
}

function amountLink(exact, address) {
  return make("a", { href: address, title: full(exact) }, short(exact));
}

function failedOf(failed, requests) {
  if (!failed) return "0";
  const percent = new Intl.NumberFormat(language(), {
    style: "percent",
    maximumFractionDigits: 1,
  });
  const share = make("small", { class: "muted" }, percent.format(failed / requests));
  return make("span", {}, count(failed), " ", share);
}

function requestRow(request) {
  const good = request.outcome === "complete";
  const address = addressOf("transactions", { receipt: request.request_id });
  const cells = [
    make("th", { scope: "row" }, make("a", { href: address }, request.model)),
    make("td", {}, timeOf(request.at)),
    make("td", { class: "number" }, usedOf(request)),
    make("td", { class: "number" }, seconds(request.total_ms)),
    make(
      "td",
      {},
      make(
        "span",
        { class: good ? "state good" : "state bad", title: `HTTP ${request.status}` },
        term("outcome", request.outcome),
      ),
    ),
    make("td", { class: "number amount", title: full(request.paid) }, short(request.paid)),
  ];
  const row = make("tr", { class: "linked" }, ...cells);
  row.addEventListener("click", () => (location.hash = address));
  return row;
}

// What a request used, by the thing it is priced by.
function usedOf(request) {
  const { input, output, images, videos } = request;
  if (images) return word("used.images", { count: count(images) });
  if (videos) return word("used.videos", { count: count(videos) });
  if (!input && !output) return "—";
  return word("used.tokens", { input: count(input), output: count(output) });
}
