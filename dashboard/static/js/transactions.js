// 交易记录: newest first, page by page, filtered by the address; a row opens into why it
// is so much. `#transactions?receipt=…` is the receipt of one request.

import { addressOf } from "./address.js";
import { read } from "./api.js";
import { timeOf } from "./dates.js";
import { find, make, whileBusy } from "./dom.js";
import { Filters } from "./filters.js";
import { cents, full, short } from "./money.js";
import { receiptOf } from "./receipt.js";
import { language, word } from "./words.js";

const PAGE = 25;
// A page of a filtered list may find nothing and still go on; so many are asked for
// before somebody is asked whether to go on.
const PAGES_AT_ONCE = 8;

export class Transactions {
  constructor(account) {
    this.account = account;
    this.section = find("#transactions");
    this.list = find("#transactions-all");
    this.card = find("#transactions-list");
    this.rows = find("#transactions-rows");
    this.more = find("#transactions-more");
    this.one = find("#receipt");
    this.filters = new Filters(find("#transactions-filters"), "transactions");
    this.query = new URLSearchParams();
    this.drawnIn = null;
    this.turn = 0;
    this.more.addEventListener("click", () => whileBusy(this.more, () => this.page()));
    find("[data-retry]", this.card).addEventListener("click", () => this.load());
    find("[data-retry]", this.one).addEventListener("click", () => this.open(this.query));
    find("#transactions-clear").addEventListener("click", () => this.filters.clear());
  }

  open(query) {
    this.query = query;
    const id = query.get("receipt");
    this.list.hidden = Boolean(id);
    this.one.hidden = !id;
    const heading = find("h1", this.section);
    heading.dataset.word = id ? "receipt.name" : "transactions.name";
    heading.textContent = word(heading.dataset.word);
    if (id) return this.showReceipt(id);
    this.filters.take(query);
    return this.load();
  }

  // Descriptions come from the server in the language of the call: ask again.
  redraw() {
    const stale = this.drawnIn !== null && this.drawnIn !== language();
    if (stale && !this.section.hidden) this.open(this.query);
  }

  async showReceipt(id) {
    this.drawnIn = language();
    find("#receipt-back").hash = addressOf("transactions", this.filters.values);
    await fillReceipt(this.account, this.one, find("#receipt-body"), id);
  }

  async load() {
    this.turn += 1;
    this.drawnIn = language();
    this.entries = 0;
    this.next = null;
    this.rows.replaceChildren();
    const address = new URLSearchParams({
      action: "transactions_csv",
      ...this.filters.values,
    });
    find("#transactions-csv").href = `/api/user.php?${address}`;
    this.state("loading");
    await this.page();
  }

  async page() {
    const { turn } = this;
    try {
      for (let count = 0; count < PAGES_AT_ONCE; count += 1) {
        const query = { ...this.filters.values, limit: PAGE };
        if (this.next) query.before = this.next;
        const answer = await read("user", "transactions", query);
        // Somebody has chosen other filters meanwhile.
        if (turn !== this.turn) return;
        this.next = answer.next;
        this.add(answer.transactions);
        if (answer.transactions.length || !answer.next) break;
      }
      this.settle();
    } catch (failure) {
      if (failure.status === 401) return this.account.leave();
      if (turn !== this.turn) return;
      find("[data-error]", this.card).textContent = failure.message;
      this.state("error");
    }
  }

  add(transactions) {
    this.entries += transactions.length;
    this.rows.append(...transactions.flatMap((entry) => rowsOf(this.account, entry)));
  }

  settle() {
    this.more.hidden = this.next === null;
    this.more.textContent = word(this.entries ? "transactions.more" : "transactions.older");
    if (this.entries || this.next) return this.state(this.entries ? "filled" : "searching");
    this.state(this.filters.filtering.length ? "unmatched" : "empty");
  }

  state(name) {
    this.card.dataset.state = name;
    this.card.setAttribute("aria-busy", name === "loading");
  }
}

function rowsOf(account, entry) {
  const detail = make("tr", { class: "detail", id: `detail-${entry.id}` });
  detail.hidden = true;
  const opener = make(
    "button",
    {
      class: "open-entry",
      type: "button",
      "aria-expanded": "false",
      "aria-controls": detail.id,
    },
    entry.description,
  );
  const row = make(
    "tr",
    { class: "entry-row" },
    make("td", {}, timeOf(entry.created_at)),
    make("td", {}, opener),
    amountOf(entry),
    make(
      "td",
      { class: "number", title: full(entry.balance_after_exact) },
      cents(entry.balance_after_exact),
    ),
  );
  row.addEventListener("click", () => {
    if (!detail.firstChild)
      detail.append(make("td", { colspan: "4" }, detailOf(account, entry)));
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

function detailOf(account, entry) {
  if (!entry.request_id) return factsOf(entry);
  const body = make("div", { "data-when": "filled" });
  const retry = make("button", { class: "button", type: "button" }, word("error.retry"));
  const bones = ["bone short", "bone", "bone half"].map((kind) =>
    make("span", { class: kind }),
  );
  const state = make(
    "div",
    { class: "opened" },
    make(
      "div",
      { class: "card-body", "data-when": "loading", "aria-hidden": "true" },
      ...bones,
    ),
    make(
      "div",
      { class: "blank", "data-when": "error" },
      make("p", { class: "notice bad", role: "alert", "data-error": "" }),
      retry,
    ),
    body,
  );
  const fill = () => fillReceipt(account, state, body, entry.request_id);
  retry.addEventListener("click", fill);
  fill();
  return state;
}

async function fillReceipt(account, state, body, id) {
  state.dataset.state = "loading";
  try {
    const { receipt } = await read("user", "receipt", { id });
    body.replaceChildren(receiptOf(receipt));
    state.dataset.state = "filled";
  } catch (failure) {
    if (failure.status === 401) return account.leave();
    find("[data-error]", state).textContent = failure.message;
    state.dataset.state = "error";
  }
}

function factsOf(entry) {
  const facts = [
    ["detail.amount", full(entry.amount_exact, { sign: true })],
    ["detail.after", full(entry.balance_after_exact)],
    ["detail.id", make("code", {}, entry.id)],
  ];
  const list = make("dl", { class: "pairs opened" });
  for (const [name, value] of facts)
    list.append(make("dt", {}, word(name)), make("dd", {}, value));
  return list;
}
