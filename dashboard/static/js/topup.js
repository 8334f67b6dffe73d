// 充值: the methods the server offers, and only those; what will happen next, and how
// the orders stand. An order is paid elsewhere: the money is there once the provider has
// said so, never because the browser came back.

import { change, read } from "./api.js";
import { choice } from "./choices.js";
import { find, findAll, make, tell, whileBusy } from "./dom.js";
import { cents, full, short } from "./money.js";
import { Orders, placesOf, priceText } from "./orders.js";
import { WORDS } from "./words/topup.js";
import { learn, term, word } from "./words.js";

const PRESETS = ["10.00", "50.00", "100.00"];
const NAME_BYTES = 16;
const CENTS = 100n;
const MILLION = 1_000_000n;
const AMOUNT = /^(\d{1,9})(?:\.(\d{1,2}))?$/;

learn(WORDS);

export class Topup {
  constructor(account) {
    this.account = account;
    this.card = find("#topup-card");
    this.form = find("#topup-form");
    this.notice = find("#topup-notice");
    this.amount = find("#amount");
    this.methods = [];
    this.method = null;
    this.way = null;
    this.forgetName();
    this.orders = new Orders(account);
    this.form.addEventListener("submit", (event) => this.pay(event));
    this.amount.addEventListener("input", () => this.changed());
    find("#code").addEventListener("input", () => this.forgetName());
    find("[data-retry]", this.card).addEventListener("click", () => this.load());
    find("#presets").append(...PRESETS.map((amount) => this.preset(amount)));
  }

  open(query) {
    tell(this.notice, "");
    this.orders.open(query.get("order"));
    return this.load();
  }

  close() {
    this.orders.close();
  }

  async load() {
    if (!this.methods.length) this.card.dataset.state = "loading";
    try {
      this.methods = (await read("user", "payment_methods")).methods;
      this.card.dataset.state = "filled";
      this.draw();
    } catch (failure) {
      if (failure.status === 401) return this.account.leave();
      find("[data-error]", this.card).textContent = failure.message;
      this.card.dataset.state = "error";
    }
  }

  redraw() {
    if (this.methods.length) this.draw();
    this.orders.redraw();
  }

  draw() {
    const names = this.methods.map(({ method }) => method);
    if (!names.includes(this.method)) this.method = names[0];
    const choices = find("#topup-methods");
    choices.hidden = names.length < 2;
    choices.replaceChildren(...names.map((name) =>
      choice("method", name, word(`topup.${name}`), name === this.method, () => {
        this.method = name;
        this.changed();
        this.draw();
        find("input:checked", choices).focus();
      })));
    this.drawWays();
    for (const field of findAll("[data-method]", this.form)) {
      field.hidden = !field.dataset.method.split(" ").includes(this.method);
    }
    find("[type=submit]", this.form).textContent =
      word(this.terms.currency && this.method !== "test" ? "topup.go" : "topup.submit");
    this.drawNext();
  }

  get terms() {
    return this.methods.find(({ method }) => method === this.method);
  }

  drawWays() {
    const types = this.terms.types ?? [];
    if (!types.includes(this.way)) this.way = types[0] ?? null;
    const ways = find("#topup-ways");
    ways.hidden = types.length < 2;
    ways.replaceChildren(...types.map((type) => {
      return choice("type", type, term("way", type), type === this.way, () => {
        this.way = type;
        this.changed();
      });
    }));
  }

  // One line: what is paid, where, and when the money is there.
  drawNext() {
    const { minimum, maximum } = this.terms;
    if (minimum) {
      find("#amount-hint").textContent =
        word("topup.range", { minimum: short(minimum), maximum: short(maximum) });
    }
    const price = priceOf(this.amount.value, this.terms);
    find("#topup-next").textContent = this.nextLine(price);
    for (const button of findAll("#presets button")) {
      button.setAttribute("aria-pressed", button.value === this.amount.value);
    }
  }

  nextLine(price) {
    if (!["stripe", "epay"].includes(this.method)) return word(`next.${this.method}`);
    return price === null ? "" : word(`next.${this.method}`, { price });
  }

  changed() {
    tell(this.notice, "");
    this.amount.setAttribute("aria-invalid", "false");
    this.forgetName();
    if (this.methods.length) this.drawNext();
  }

  preset(amount) {
    const button = make("button", { class: "button", type: "button", value: amount },
      short(amount));
    button.addEventListener("click", () => {
      this.amount.value = amount;
      this.changed();
    });
    return button;
  }

  // A payment has one name until something about it changes, so that sending it again
  // after a fault cannot pay twice.
  forgetName() {
    const bytes = crypto.getRandomValues(new Uint8Array(NAME_BYTES));
    this.once = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  async pay(event) {
    event.preventDefault();
    tell(this.notice, "");
    const fields = { method: this.method };
    if (this.method === "voucher") fields.code = find("#code").value;
    else fields.amount = this.amount.value.trim();
    if (this.method === "epay") fields.type = this.way;
    await whileBusy(find("[type=submit]", this.form), async () => {
      try {
        this.paid(await change("user", "charge", fields, { once: this.once }));
      } catch (failure) {
        if (failure.status === 401) return this.account.leave();
        tell(this.notice, failure.message);
        this.amount.setAttribute("aria-invalid", failure.status === 400);
      }
    });
  }

  paid(answer) {
    this.forgetName();
    if (answer.pay_url) return location.assign(answer.pay_url);
    find("#code").value = "";
    this.account.balanceChanged(answer.balance_exact);
    const balance = cents(answer.balance_exact);
    tell(this.notice, word("topup.done", { amount: short(answer.amount_exact), balance }), "good");
    this.notice.title = full(answer.balance_exact);
  }
}

// What an amount costs in the method's currency, rounded up as the server does; null
// where it cannot be said.
function priceOf(amount, { currency, rate }) {
  const parts = AMOUNT.exec(amount.trim());
  if (!parts || !currency) return null;
  const cents = BigInt(parts[1] + (parts[2] ?? "").padEnd(2, "0"));
  const [whole, decimals = ""] = (rate ?? "1").split(".");
  const millionths = BigInt(whole + decimals.padEnd(6, "0"));
  const places = placesOf(currency);
  const unit = MILLION * CENTS;
  const price = (cents * millionths * 10n ** BigInt(places) + unit - 1n) / unit;
  const text = String(price).padStart(places + 1, "0");
  const point = text.length - places;
  const exact = places ? `${text.slice(0, point)}.${text.slice(point)}` : text;
  return priceText(exact, currency);
}
