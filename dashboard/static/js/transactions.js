// 交易记录: newest first, page by page; a row opens into its exact figures.

import { read } from "./api.js";
import { find, make, whileBusy } from "./dom.js";
import { cents, count, full, short } from "./money.js";
import { known, language, word } from "./words.js";

const PAGE = 25;

export class Transactions {
  constructor(account) {
    this.account = account;
    this.card = find("#transactions-list");
    this.rows = find("#transactions-rows");
    this.more = find("#transactions-more");
    this.entries = [];
    this.next = null;
    this.drawnIn = null;
    this.more.addEventListener("click", () => whileBusy(this.more, () => this.page()));
    find("[data-retry]", this.card).addEventListener("click", () => this.load());
  }

  open() {
    return this.load();
  }

  async load() {
    this.entries = [];
    this.next = null;
    this.state("loading");
    await this.page();
  }

  async page() {
    const query = this.next ? { limit: PAGE, before: this.next } : { limit: PAGE };
    try {
      const answer = await read("user", "transactions", query);
      this.entries.push(...answer.transactions);
      this.next = answer.next;
      this.draw();
    } catch (failure) {
      if (failure.status === 401) return this.account.leave();
      find("[data-error]", this.card).textContent = failure.message;
      this.state("error");
    }
  }

  // Descriptions come from the server in the language of the call: ask again.
  redraw() {
    const stale = this.drawnIn !== null && this.drawnIn !== language();
    if (stale && !find("#transactions").hidden) this.load();
  }

  draw() {
    this.drawnIn = language();
    this.rows.replaceChildren(...this.entries.flatMap((entry) => rowsOf(entry)));
    this.more.hidden = this.next === null;
    this.state(this.entries.length ? "filled" : "empty");
  }

  state(name) {
    this.card.dataset.state = name;
    this.card.setAttribute("aria-busy", name === "loading");
  }
}

function rowsOf(entry) {
  const detail = make("tr", { class: "detail", id: `detail-${entry.id}` });
  detail.append(make("td", { colspan: "4" }, factsOf(entry)));
  detail.hidden = true;
  const opener = make(
    "button",
    { class: "open-entry", type: "button", "aria-expanded": "false", "aria-controls": detail.id },
    entry.description,
  );
  const row = make("tr", { class: "entry-row" },
    make("td", {}, timeOf(entry.created_at)),
    make("td", {}, opener),
    amountOf(entry),
    make("td", { class: "number", title: full(entry.balance_after_exact) },
      cents(entry.balance_after_exact)),
  );
  row.addEventListener("click", () => {
    detail.hidden = !detail.hidden;
    opener.setAttribute("aria-expanded", !detail.hidden);
  });
  return [row, detail];
}

function amountOf(entry) {
  const incoming = !entry.amount_exact.startsWith("-");
  return make(
    "td",
    { class: incoming ? "number plus" : "number", title: full(entry.amount_exact) },
    short(entry.amount_exact, { sign: true }),
  );
}

function factsOf(entry) {
  const facts = [
    ["detail.amount", full(entry.amount_exact, { sign: true })],
    ["detail.after", full(entry.balance_after_exact)],
    ["detail.model", entry.model],
    ["detail.tokens", metersOf(entry.tokens)],
    ["detail.evidence", entry.evidence && inWords("evidence", entry.evidence)],
    ["detail.request", entry.request_id],
    ["detail.id", entry.id],
  ];
  const list = make("dl");
  for (const [name, value] of facts) {
    if (value) list.append(make("dt", {}, word(name)), make("dd", {}, value));
  }
  return list;
}

function metersOf(tokens) {
  return Object.entries(tokens)
    .filter(([, quantity]) => quantity > 0)
    .map(([meter, quantity]) => inWords("meter", meter, { count: count(quantity) }))
    .join(" · ");
}

function inWords(group, name, values = {}) {
  const key = `${group}.${name}`;
  return known(key) ? word(key, values) : [name, ...Object.values(values)].join(" ");
}

// In the viewer's own zone, written the ISO way.
function timeOf(iso) {
  const at = new Date(iso);
  const two = (number) => String(number).padStart(2, "0");
  const date = [at.getFullYear(), two(at.getMonth() + 1), two(at.getDate())].join("-");
  const time = [two(at.getHours()), two(at.getMinutes()), two(at.getSeconds())].join(":");
  return make("time", { datetime: iso, title: at.toString() }, `${date} ${time}`);
}
