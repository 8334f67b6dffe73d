// 兑换码: batches, and new ones. Codes are shown once: only their hashes are kept.

import { timeOf } from "./dates.js";
import { find, make, tell, whileBusy } from "./dom.js";
import { amount } from "./figures.js";
import { word } from "./language.js";
import { count, short } from "./money.js";
import { copyFrom } from "./page.js";
import { Pages } from "./pages.js";
import { sheet } from "./sheet.js";

export class Vouchers {
  constructor(desk, section) {
    this.desk = desk;
    this.form = find("form", section);
    this.notice = find("[data-notice]", section);
    this.fresh = find("[data-fresh]", section);
    this.made = null;
    this.list = new Pages(find("[data-list]", section), {
      ask: (query) => desk.get("vouchers", query),
      name: "batches",
      empty: "voucher.none",
      draw: (batches) => [sheet("admin.vouchers", COLUMNS, batches)],
      failed: desk.failed,
    });
    this.form.addEventListener("submit", (event) => this.make(event));
    find("[data-copy]", section).addEventListener("click", (event) =>
      copyFrom(event.currentTarget, this.made.codes.join("\n")),
    );
    find("[data-save]", section).addEventListener("click", () => save(this.made));
    find("[data-close]", section).addEventListener("click", () => this.show(null));
  }

  open() {
    tell(this.notice, "");
    this.list.load();
  }

  // Who comes back does not see the codes again.
  close() {
    this.show(null);
  }

  redraw() {
    this.show(this.made);
    this.list.redraw();
  }

  async make(event) {
    event.preventDefault();
    const fields = {
      amount: find("#voucher-amount").value.trim(),
      count: Number(find("#voucher-count").value),
      batch: find("#voucher-batch").value.trim(),
    };
    await whileBusy(find("[type=submit]", this.form), async () => {
      try {
        this.show(await this.desk.act("create_vouchers", fields));
        tell(this.notice, "");
        this.form.reset();
        this.list.load();
        find("h2", this.fresh).focus();
      } catch (failure) {
        if (!this.desk.failed(failure)) tell(this.notice, failure.message);
      }
    });
  }

  show(made) {
    this.made = made;
    this.fresh.hidden = made === null;
    find("pre", this.fresh).textContent = made ? made.codes.join("\n") : "";
    const values = made && { count: count(made.codes.length), amount: short(made.amount) };
    find("[data-text]", this.fresh).textContent = made ? word("voucher.once", values) : "";
  }
}

const COLUMNS = [
  { head: "voucher.batch", cell: (one) => make("span", { class: "wrap" }, one.batch) },
  { head: "voucher.amount", number: true, cell: (one) => amount(one.amount) },
  { head: "voucher.count", number: true, cell: (one) => count(one.count) },
  { head: "voucher.spent", number: true, cell: (one) => count(one.spent) },
  { head: "voucher.left", number: true, cell: (one) => count(one.left) },
  { head: "list.time", nowrap: true, cell: (one) => timeOf(one.created_at) },
];

function save({ batch, codes }) {
  const file = new Blob([`code\r\n${codes.join("\r\n")}\r\n`], { type: "text/csv" });
  const address = URL.createObjectURL(file);
  const name = `${batch.replace(/[^\w.-]/g, "_")}.csv`;
  const link = make("a", { href: address, download: name });
  link.click();
  URL.revokeObjectURL(address);
}
