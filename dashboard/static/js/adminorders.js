// 订单: what waits for a person comes first, then every order.

import { timeOf } from "./dates.js";
import { find, make, tell } from "./dom.js";
import { amount } from "./figures.js";
import { term, word } from "./language.js";
import { Pages } from "./pages.js";
import { person } from "./person.js";
import { question } from "./question.js";
import { sheet } from "./sheet.js";

const KINDS = { paid: "good", open: "warn" };
const REASON = { name: "reason", label: "invoice.resolution", hint: "invoice.resolution_hint" };

export class Orders {
  constructor(desk, section) {
    this.desk = desk;
    this.status = find("#order-status", section);
    this.notice = find("[data-done]", section);
    const { failed } = desk;
    this.problems = new Pages(find("[data-problems]", section), {
      ask: (query) => desk.get("order_events", { status: "problem", ...query }),
      name: "events",
      empty: "invoice.no_problems",
      draw: (events) => [sheet("invoice.problems", this.eventColumns(), events)],
      failed,
    });
    this.list = new Pages(find("[data-list]", section), {
      ask: (query) => desk.get("orders", { ...this.filter(), ...query }),
      name: "orders",
      empty: "invoice.none",
      draw: (orders) => [sheet("admin.orders", COLUMNS, orders)],
      failed,
    });
    this.status.addEventListener("change", () => this.list.reload());
  }

  open() {
    tell(this.notice, "");
    this.problems.load();
    this.list.load();
  }

  redraw() {
    this.problems.redraw();
    this.list.redraw();
  }

  filter() {
    return this.status.value ? { status: this.status.value } : {};
  }

  eventColumns() {
    const cell = (event) => {
      const button = make("button", { class: "button", type: "button" }, word("invoice.resolve"));
      button.addEventListener("click", () => this.resolve(event));
      return button;
    };
    return [...EVENTS, { head: "list.act", cell }];
  }

  resolve(event) {
    question({
      heading: word("invoice.resolve"),
      text: word("invoice.resolve_text", { event: event.event }),
      submit: word("invoice.resolve"),
      fields: [REASON],
      work: async (values) => {
        await this.desk.act("resolve_order_event", { event: event.event, ...values });
        tell(this.notice, word("invoice.resolved"), "good");
        this.problems.load();
        this.list.load();
      },
    });
  }
}

const EVENTS = [
  { head: "invoice.event", cell: (one) => [code(one.event), second(one.type)] },
  { head: "invoice.outcome", cell: (one) => [term("trouble", one.outcome), second(one.detail)] },
  { head: "invoice.id", cell: (one) => (one.order_id ? code(one.order_id) : "—") },
  { head: "list.user", cell: (one) => person(one.user) },
  { head: "list.time", nowrap: true, cell: (one) => timeOf(one.received_at) },
];
const COLUMNS = [
  { head: "invoice.id", code: true, cell: (one) => one.order_id },
  { head: "list.user", cell: (one) => person(one.user) },
  { head: "invoice.method", nowrap: true, cell: methodOf },
  { head: "invoice.amount", number: true, cell: (one) => amount(one.amount) },
  { head: "invoice.charged", number: true, cell: chargedOf },
  { head: "list.status", nowrap: true, cell: stateOf },
  { head: "list.time", nowrap: true, cell: (one) => timeOf(one.created_at) },
];

function methodOf({ method }) {
  return term("pay", method);
}

function chargedOf({ charged, currency }) {
  return `${charged ?? "—"} ${String(currency ?? "").toUpperCase()}`;
}

function stateOf({ status, problems }) {
  const name = term("invoice", status);
  const state = make("span", { class: `status ${KINDS[status] ?? "muted"}` }, name);
  if (!problems) return state;
  return [state, " ", make("span", { class: "badge" }, word("invoice.waiting", { count: problems }))];
}

function code(text) {
  return make("code", { class: "wrap" }, text);
}

function second(text) {
  return make("span", { class: "second wrap" }, text ?? "");
}
