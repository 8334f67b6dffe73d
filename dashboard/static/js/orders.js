// Orders: how each stands, and the one that somebody has just come back from, which is
// looked at again, ever less often, until it is paid or nobody looks any more.

import { read } from "./api.js";
import { minuteOf } from "./dates.js";
import { find, make, tell, whileBusy } from "./dom.js";
import { full, short } from "./money.js";
import { term, word } from "./words.js";

const PAGE = 10;
const FIRST_MS = 1000;
const LONGEST_MS = 30_000;
const GROWTH = 1.5;
const WATCH_MS = 15 * 60_000;
const KIND = { paid: "good", open: "warn", failed: "bad", expired: "" };
const SIGNS = { usd: "$", cny: "¥", eur: "€", gbp: "£", jpy: "JP¥", hkd: "HK$" };
const PLACES = { jpy: 0 };

// "72.00" in CNY is ¥72.00.
export function priceText(exact, currency) {
  return currency in SIGNS ? SIGNS[currency] + exact : `${exact} ${currency.toUpperCase()}`;
}

// How many decimals amounts of a currency have.
export function placesOf(currency) {
  return PLACES[currency] ?? 2;
}

export class Orders {
  constructor(account) {
    this.account = account;
    this.card = find("#orders");
    this.arrival = find("#order");
    this.notice = find("#order-notice");
    this.orders = [];
    this.next = null;
    this.order = null;
    this.timer = null;
    this.more = find("#orders-more");
    this.more.addEventListener("click", () => whileBusy(this.more, () => this.page()));
    find("[data-retry]", this.card).addEventListener("click", () => this.load());
    find("#order-check").addEventListener("click", (event) =>
      whileBusy(event.currentTarget, () => this.look()));
  }

  open(orderId) {
    this.close();
    this.orderId = orderId;
    this.order = null;
    this.arrival.hidden = true;
    if (orderId) this.watch();
    return this.load();
  }

  close() {
    clearTimeout(this.timer);
    this.timer = null;
    this.orderId = null;
  }

  redraw() {
    if (this.order) this.drawArrival();
    if (this.orders.length) this.draw();
  }

  // The list.

  async load() {
    this.orders = [];
    this.next = null;
    await this.page();
  }

  async page() {
    const query = this.next ? { limit: PAGE, before: this.next } : { limit: PAGE };
    try {
      const answer = await read("user", "orders", query);
      this.orders.push(...answer.orders);
      this.next = answer.next;
      this.draw();
    } catch (failure) {
      if (failure.status === 401) return this.account.leave();
      this.card.hidden = false;
      this.card.dataset.state = "error";
      find("[data-error]", this.card).textContent = failure.message;
    }
  }

  draw() {
    this.card.hidden = this.orders.length === 0;
    this.card.dataset.state = "filled";
    find("#orders-rows").replaceChildren(...this.orders.map(rowOf));
    this.more.hidden = this.next === null;
  }

  // The one somebody came back from.

  watch() {
    this.wait = FIRST_MS;
    this.until = performance.now() + WATCH_MS;
    this.look();
  }

  async look() {
    const asked = this.orderId;
    clearTimeout(this.timer);
    try {
      const order = await read("user", "order", { id: asked });
      if (asked === this.orderId) this.seen(order);
    } catch (failure) {
      if (failure.status === 401) return this.account.leave();
      if (asked !== this.orderId) return;
      this.arrival.hidden = false;
      find("#order-check").hidden = failure.status === 404;
      tell(this.notice, failure.message);
      if (failure.status !== 404) this.again();
    }
  }

  seen(order) {
    const changed = this.order !== null && this.order.status !== order.status;
    this.order = order;
    this.drawArrival();
    if (order.status === "open") this.again();
    if (order.status === "paid") this.account.refresh();
    if (changed) this.load();
  }

  again() {
    if (performance.now() > this.until) return;
    this.timer = setTimeout(() => this.look(), this.wait);
    this.wait = Math.min(this.wait * GROWTH, LONGEST_MS);
  }

  drawArrival() {
    const { status, amount_exact, charged_exact, currency } = this.order;
    const values = {
      amount: short(amount_exact),
      price: priceText(charged_exact, currency),
    };
    this.arrival.hidden = false;
    find("#order-check").hidden = status !== "open";
    tell(this.notice, word(`order.${status}`, values), KIND[status] || "warn");
  }
}

function rowOf(order) {
  const { status, method } = order;
  return make("tr", {},
    make("td", { "data-label": word("orders.time") }, minuteOf(order.created_at)),
    make("td", { "data-label": word("orders.method") }, term("topup", method)),
    make("td", { class: "number", "data-label": word("orders.amount"),
      title: full(order.amount_exact) }, short(order.amount_exact)),
    make("td", { class: "number", "data-label": word("orders.price") },
      priceText(order.charged_exact, order.currency)),
    make("td", { "data-label": word("orders.status") },
      make("span", { class: `pill ${KIND[status]}` }, word(`orderstate.${status}`))),
  );
}
