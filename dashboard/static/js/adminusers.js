// 用户: find one by address or state; one opens into keys, money and what can be done.

import { Card } from "./card.js";
import { timeOf } from "./dates.js";
import { find, make, tell } from "./dom.js";
import { amount, balance, tile } from "./figures.js";
import { term, word } from "./language.js";
import { short } from "./money.js";
import { Pages } from "./pages.js";
import { newRef, question } from "./question.js";
import { sheet } from "./sheet.js";

const PAUSE_MS = 250;
const REASON = { name: "reason", label: "user.reason", hint: "user.reason_hint" };
const AMOUNT = { name: "amount", label: "user.amount", number: true, maximum: 24 };

export class Users {
  constructor(desk, section) {
    this.desk = desk;
    this.section = section;
    this.search = find("#user-search", section);
    this.status = find("#user-status", section);
    this.notice = find("[data-done]", section);
    this.id = null;
    const { failed } = desk;
    this.list = new Pages(find("[data-list]", section), {
      ask: (query) => desk.get("users", { ...this.filter(), ...query }),
      name: "users",
      cursor: "after",
      empty: "user.none",
      draw: (users) => [sheet("admin.users", COLUMNS, users)],
      failed,
    });
    this.one = new Card(find("[data-one]", section), {
      fetch: () => desk.get("user", { id: this.id }),
      draw: (answer) => this.drawOne(answer),
      failed,
    });
    this.search.addEventListener("input", () => this.typed());
    this.status.addEventListener("change", () => this.list.reload());
    this.search.form.addEventListener("submit", (event) => event.preventDefault());
  }

  open(query) {
    tell(this.notice, "");
    this.id = query.get("id");
    find("[data-many]", this.section).hidden = this.id !== null;
    find("[data-single]", this.section).hidden = this.id === null;
    if (this.id === null) return this.list.load();
    this.one.forget();
    return this.one.load();
  }

  close() {
    clearTimeout(this.pause);
  }

  redraw() {
    this.list.redraw();
    // Descriptions come from the server in the language of the call.
    if (this.id !== null) this.one.load();
  }

  filter() {
    return { search: this.search.value.trim(), status: this.status.value };
  }

  typed() {
    clearTimeout(this.pause);
    this.pause = setTimeout(() => this.list.reload(), PAUSE_MS);
  }

  drawOne({ user, keys, sessions, transactions }) {
    return [
      make("div", { class: "card-body" },
        make("div", { class: "row" }, make("h2", { class: "wrap" }, user.email),
          statusOf(user.status), ...roleOf(user)),
        make("p", { class: "muted small mono wrap" }, user.id),
        make("div", { class: "row" }, ...this.actions(user))),
      make("div", { class: "tiles" },
        tile("user.available", balance(user.balance_exact)),
        tile("user.held", amount(user.held)),
        tile("user.spent", amount(user.spent_month)),
        tile("user.sessions", String(sessions)),
        tile("user.since", timeOf(user.created_at))),
      make("h3", { class: "card-title" }, word("user.keys")),
      keys.length ? sheet("user.keys", this.keyColumns(user), keys) : nothing("user.no_keys"),
      make("h3", { class: "card-title" }, word("user.transactions")),
      transactions.length
        ? sheet("user.transactions", TRANSACTIONS, transactions)
        : nothing("user.no_transactions"),
      make("div", { class: "more" },
        make("a", { href: `#acts?user_id=${encodeURIComponent(user.id)}` }, word("user.acts"))),
    ];
  }

  actions(user) {
    const active = user.status === "active";
    const own = user.id === this.desk.user.id;
    const status = active ? "disable" : "enable";
    return [
      button("user.grant", () => this.money("grant", user)),
      button("user.adjust", () => this.money("adjust", user)),
      ...(own ? [] : [button(`user.${status}`, () => this.switch(status, user), active)]),
    ];
  }

  money(action, user) {
    const ref = newRef();
    question({
      heading: word(`user.${action}`),
      text: word(`user.${action}_text`, { email: user.email }),
      submit: word(`user.${action}`),
      fields: [{ ...AMOUNT, hint: `user.${action}_hint` }, REASON],
      work: async (values) => {
        const done = await this.desk.act(action, { user_id: user.id, ref, ...values });
        this.done(movedText(done));
      },
    });
  }

  switch(status, user) {
    question({
      heading: word(`user.${status}`),
      text: word(`user.${status}_text`, { email: user.email }),
      submit: word(`user.${status}`),
      fields: [REASON],
      danger: status === "disable",
      work: async (values) => {
        await this.desk.act(`${status}_user`, { user_id: user.id, ...values });
        this.done(word(`user.${status}d`));
      },
    });
  }

  revoke(user, key) {
    question({
      heading: word("user.revoke"),
      text: word("user.revoke_text", { key: key.mask, count: key.requests_day }),
      submit: word("user.revoke"),
      fields: [REASON],
      danger: true,
      work: async (values) => {
        const asked = { user_id: user.id, key_id: key.id, ...values };
        await this.desk.act("revoke_user_key", asked);
        this.done(word("user.revoked"));
      },
    });
  }

  done(text) {
    tell(this.notice, text, "good");
    this.one.load();
  }

  keyColumns(user) {
    const cell = (key) =>
      key.status === "active" ? button("user.revoke", () => this.revoke(user, key), true) : "—";
    return [...KEYS, { head: "list.act", cell }];
  }
}

const COLUMNS = [
  { head: "list.user", cell: linked },
  { head: "list.status", cell: (user) => statusOf(user.status) },
  { head: "user.balance", number: true, cell: (user) => balance(user.balance_exact) },
  { head: "user.held", number: true, cell: (user) => amount(user.held) },
  { head: "user.spent", number: true, cell: (user) => amount(user.spent_month) },
  { head: "user.since", nowrap: true, cell: (user) => timeOf(user.created_at) },
];
const KEYS = [
  { head: "user.key", code: true, cell: (key) => key.mask },
  { head: "user.label", cell: (key) => (key.default ? word("user.default") : key.label || "—") },
  { head: "list.status", cell: (key) => statusOf(key.status) },
  { head: "user.used", nowrap: true, cell: (key) => key.used_on ?? "—" },
  { head: "user.spent", number: true, cell: (key) => amount(key.spent_month) },
];
const TRANSACTIONS = [
  { head: "list.time", nowrap: true, cell: (entry) => timeOf(entry.created_at) },
  { head: "list.what", cell: (entry) => entry.description },
  { head: "list.amount", number: true, cell: (entry) => amount(entry.amount_exact) },
  { head: "list.after", number: true, cell: (entry) => balance(entry.balance_after_exact) },
];

// What the balance did not have is the house's.
function movedText({ amount: moved, shortfall = "0.00" }) {
  const values = { amount: short(moved, { sign: true }), shortfall: short(shortfall) };
  return word(shortfall === "0.00" ? "user.moved" : "user.moved_short", values);
}

function linked(user) {
  const href = `#users?id=${encodeURIComponent(user.id)}`;
  return [make("a", { class: "wrap", href }, user.email), ...roleOf(user)];
}

function roleOf(user) {
  if (user.role !== "operator") return [];
  return [" ", make("span", { class: "badge" }, word("user.operator"))];
}

function statusOf(status) {
  const name = term("state", status);
  return make("span", { class: `status ${status === "active" ? "good" : "bad"}` }, name);
}

function nothing(name) {
  return make("p", { class: "blank muted" }, word(name));
}

function button(name, press, danger = false) {
  const kind = danger ? "button danger" : "button";
  const made = make("button", { class: kind, type: "button" }, word(name));
  made.addEventListener("click", press);
  return made;
}
