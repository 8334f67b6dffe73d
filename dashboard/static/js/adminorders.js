// 订单: what waits for a person comes first, then every order.

import { timeOf } from "./dates.js";
import { find, make, tell } from "./dom.js";
import { amount } from "./figures.js";
import { known, word } from "./language.js";
import { Pages } from "./pages.js";
import { person } from "./person.js";
import { question } from "./question.js";
import { sheet } from "./sheet.js";

const KINDS = { paid: "good", open: "warn" };
const REASON = { name: "reason", label: "bill.resolution", hint: "bill.resolution_hint" };

export class Orders {
  constructor(desk, section) {
    this.desk = desk;
    this.status = find("#order-status", section);
    this.notice = find("[data-done]", section);
    const { failed } = desk;
    this.problems = new Pages(find("[data-problems]", section), {
      ask: (query) => desk.get("order_events", { status: "problem", ...query }),
      name: "events",
      empty: "bill.no_problems",
      draw: (events) => [sheet("bill.problems", this.eventColumns(), events)],
      failed,
    });
    this.list = new Pages(find("[data-list]", section), {
      ask: (query) => desk.get("orders", { ...this.filter(), ...query }),
      name: "orders",
      empty: "bill.none",
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
      const button = make("button", { class: "button", type: "button" }, word("bill.resolve"));
      button.addEventListener("click", () => this.resolve(event));
      return button;
    };
    return [...EVENTS, { head: "list.act", cell }];
  }

  resolve(event) {
    question({
      heading: word("bill.resolve"),
      text: word("bill.resolve_text", { event: event.event }),
      submit: word("bill.resolve"),
      fields: [REASON],
      work: async (values) => {
        await this.desk.act("resolve_order_event", { event: event.event, ...values });
        tell(this.notice, word("bill.resolved"), "good");
        this.problems.load();
        this.list.load();
      },
    });
  }
}

const EVENTS = [
  { head: "bill.event", cell: (one) => [code(one.event), second(one.type)] },
  { head: "bill.outcome", cell: (one) => [one.outcome, second(one.detail)] },
  { head: "bill.id", cell: (one) => (one.order_id ? code(one.order_id) : "—") },
  { head: "list.user", cell: (one) => person(one.user) },
  { head: "list.time", nowrap: true, cell: (one) => timeOf(one.received_at) },
];
const COLUMNS = [
  { head: "bill.id", code: true, cell: (one) => one.order_id },
  { head: "list.user", cell: (one) => person(one.user) },
  { head: "bill.method", cell: methodOf },
  { head: "bill.amount", number: true, cell: (one) => amount(one.amount) },
  { head: "bill.charged", number: true, cell: chargedOf },
  { head: "list.status", cell: stateOf },
  { head: "list.time", nowrap: true, cell: (one) => timeOf(one.created_at) },
];

function methodOf({ method }) {
  return known(`pay.${method}`) ? word(`pay.${method}`) : method;
}

function chargedOf({ charged, currency }) {
  return `${charged ?? "—"} ${String(currency ?? "").toUpperCase()}`;
}

function stateOf({ status, problems }) {
  const name = known(`bill.${status}`) ? word(`bill.${status}`) : status;
  const state = make("span", { class: `status ${KINDS[status] ?? "muted"}` }, name);
  if (!problems) return state;
  return [state, " ", make("span", { class: "badge" }, word("bill.waiting", { count: problems }))];
}

function code(text) {
  return make("code", { class: "wrap" }, text);
}

function second(text) {
  return make("span", { class: "second wrap" }, text ?? "");
}
