// 充值: the methods the server offers, and only those.

import { change } from "./api.js";
import { find, findAll, make, tell, whileBusy } from "./dom.js";
import { cents, short } from "./money.js";
import { word } from "./words.js";

const PRESETS = ["10.00", "50.00", "100.00"];

export class Topup {
  constructor(account) {
    this.account = account;
    this.form = find("#topup-form");
    this.notice = find("#topup-notice");
    this.method = null;
    this.form.addEventListener("submit", (event) => this.pay(event));
    find("#presets").append(...PRESETS.map((amount) => preset(amount)));
  }

  open() {
    tell(this.notice, "");
  }

  redraw() {
    const offered = this.account.profile.charge_methods;
    this.method = offered.includes(this.method) ? this.method : offered[0];
    const choices = find("#topup-methods");
    choices.hidden = offered.length < 2;
    choices.replaceChildren(...offered.map((name) => this.choice(name)));
    this.showMethod();
  }

  choice(name) {
    const input = make("input", { type: "radio", name: "method", value: name });
    input.checked = name === this.method;
    input.addEventListener("change", () => {
      this.method = name;
      tell(this.notice, "");
      this.showMethod();
    });
    return make("label", { class: "choice" }, input, make("span", {}, word(`topup.${name}`)));
  }

  showMethod() {
    for (const field of findAll("[data-method]", this.form)) {
      field.hidden = !field.dataset.method.split(" ").includes(this.method);
    }
  }

  async pay(event) {
    event.preventDefault();
    const fields = { method: this.method };
    if (this.method === "voucher") fields.code = find("#code").value;
    else fields.amount = find("#amount").value;
    await whileBusy(find("[type=submit]", this.form), async () => {
      try {
        this.paid(await change("user", "charge", fields));
      } catch (failure) {
        if (failure.status === 401) return this.account.leave();
        tell(this.notice, failure.message);
      }
    });
  }

  paid(answer) {
    // An order is paid elsewhere; the money is there once the provider has said so.
    if (answer.pay_url) return location.assign(answer.pay_url);
    find("#code").value = "";
    this.account.balanceChanged(answer.balance_exact);
    const balance = cents(answer.balance_exact);
    tell(this.notice, word("topup.done", { amount: short(answer.amount_exact), balance }), "good");
  }
}

function preset(amount) {
  const button = make("button", { class: "button", type: "button" }, short(amount));
  button.addEventListener("click", () => (find("#amount").value = amount));
  return button;
}
