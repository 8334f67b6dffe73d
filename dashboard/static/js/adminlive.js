// 概况: traffic of the last minutes, looked at again and again, and money by days.

import { Card } from "./card.js";
import { daysOf, seconds, shifted, timeOf, today } from "./dates.js";
import { find, findAll, make } from "./dom.js";
import { amount, bars, tile } from "./figures.js";
import { word } from "./language.js";
import { count } from "./money.js";
import { sheet } from "./sheet.js";

const AGAIN_MS = 5000;
const MONEY = ["sold", "paid", "cost", "margin", "shortfall"];

export class Live {
  constructor(desk, section) {
    this.timer = null;
    this.days = 30;
    const { failed } = desk;
    this.traffic = new Card(find("[data-traffic]", section), {
      fetch: () => desk.get("live"),
      draw: drawTraffic,
      failed,
    });
    this.spend = new Card(find("[data-spend]", section), {
      fetch: () => desk.get("spend", { from: shifted(today(), 1 - this.days) }),
      draw: drawSpend,
      failed,
    });
    for (const radio of findAll("[name=days]", section)) {
      radio.addEventListener("change", () => {
        this.days = Number(radio.value);
        this.spend.forget();
        this.spend.load();
      });
    }
  }

  open() {
    this.close();
    this.spend.load();
    this.traffic.load();
    this.timer = setInterval(() => document.hidden || this.traffic.load(), AGAIN_MS);
  }

  close() {
    clearInterval(this.timer);
  }

  redraw() {
    this.traffic.redraw();
    this.spend.redraw();
  }
}

function drawTraffic(live) {
  const tiles = make("div", { class: "tiles" },
    tile("live.rate", live.per_second, note("live.requests", { count: count(live.requests) })),
    tile("live.failed", share(live.failed, live.requests),
      note("live.failed_of", { count: count(live.failed) })),
    tile("live.first_byte", seconds(live.first_byte_ms.p50),
      note("live.p99", { time: seconds(live.first_byte_ms.p99) })),
    tile("live.total", seconds(live.total_ms.p50),
      note("live.p99", { time: seconds(live.total_ms.p99) })),
    tile("live.holds", count(live.open_holds), note("live.held", {}, amount(live.held))),
    tile("live.ledger", ledgerState(live.ledger)),
  );
  const more = live.partial ? [make("p", { class: "notice warn" }, word("live.partial"))] : [];
  if (live.ledger.alarm) more.push(make("p", { class: "notice bad" }, live.ledger.alarm));
  if (live.running.length === 0) return [tiles, ...more];
  return [tiles, ...more, sheet("live.running", RUNNING, live.running)];
}

const RUNNING = [
  { head: "live.running", code: true, cell: (hold) => hold.id },
  { head: "list.model", cell: (hold) => hold.model },
  { head: "live.reserved", number: true, cell: (hold) => amount(hold.amount) },
  { head: "live.since", nowrap: true, cell: (hold) => timeOf(hold.since) },
];

function ledgerState({ healthy, alarm }) {
  const good = healthy && !alarm;
  return make("span", { class: `status ${good ? "good" : "bad"}` },
    word(good ? "live.healthy" : "live.sick"));
}

function note(name, values = {}, ...more) {
  return make("span", { class: "muted small" }, word(name, values), ...more);
}

// In hundredths of a percent, as whole numbers.
function share(part, whole) {
  if (whole === 0) return "—";
  return `${(Math.round((part * 1000) / whole) / 10).toFixed(1)} %`;
}

function drawSpend({ from, to, days, models, total }) {
  if (total.requests === 0) return [];
  const known = new Map(days.map((day) => [day.day, day]));
  const whole = daysOf(from, to).map((day) => known.get(day));
  const tiles = MONEY.map((name) =>
    tile(`spend.${name}`, amount(total[name]), bars(whole.map((day) => day?.[name] ?? "0"))),
  );
  const newest = [...days].reverse();
  return [
    make("div", { class: "tiles" }, ...tiles),
    make("h3", { class: "card-title" }, word("spend.by_model")),
    sheet("spend.by_model", [MODEL, ...SUMS], models),
    make("details", { class: "fold" },
      make("summary", {}, word("spend.by_day")),
      sheet("spend.by_day", [DAY, ...SUMS], newest)),
  ];
}

const MODEL = { head: "list.model", code: true, cell: (one) => one.model };
const DAY = { head: "list.day", nowrap: true, cell: (one) => one.day };
const SUMS = [
  { head: "list.requests", number: true, cell: (one) => count(one.requests) },
  { head: "list.failed", number: true, cell: (one) => count(one.failed) },
  ...MONEY.map((name) => ({
    head: `spend.${name}`,
    number: true,
    cell: (one) => amount(one[name]),
  })),
];
