// A receipt: why a request cost what it cost, line by line, with what proves it.

import { make } from "./dom.js";
import { seconds, timeOf } from "./dates.js";
import { count, full, ofNano, ofPico } from "./money.js";
import { copyFrom } from "./page.js";
import { term, word } from "./words.js";

const PER_MILLION = "dollars per million tokens";
const HASH_CHARS = 16;

export function receiptOf(receipt) {
  return make(
    "article",
    { class: "receipt" },
    headOf(receipt),
    billOf(receipt),
    factsOf(receipt),
    receipt.trail.length ? trailOf(receipt.trail) : "",
    proofOf(receipt),
  );
}

function headOf(receipt) {
  return make(
    "header",
    {},
    make("p", { class: "balance number" }, full(receipt.paid)),
    make("p", { class: "muted" }, `${receipt.model} · `, timeOf(receipt.charged_at)),
  );
}

function billOf(receipt) {
  if (!receipt.lines.length) {
    return make(
      "p",
      { class: "notice plain" },
      word("receipt.nothing"),
      " ",
      endOf(receipt),
    );
  }
  const head = ["item", "quantity", "rate", "amount"].map((name) =>
    make(
      "th",
      name === "item" ? { scope: "col" } : { scope: "col", class: "number" },
      word(`bill.${name}`),
    ),
  );
  return make(
    "section",
    {},
    make("h3", {}, word("receipt.why")),
    make(
      "table",
      { class: "cards bill" },
      make("thead", {}, make("tr", {}, ...head)),
      make("tbody", {}, ...receipt.lines.map(lineOf)),
      make("tfoot", {}, ...sumsOf(receipt)),
    ),
    receipt.applied.length
      ? make(
          "p",
          { class: "muted small" },
          word("receipt.applied", { cases: receipt.applied.join(" · ") }),
        )
      : "",
  );
}

function lineOf(line) {
  const unit = line.unit === PER_MILLION ? "tokens" : line.meter;
  return make(
    "tr",
    {},
    make("th", { scope: "row" }, term("item", line.meter)),
    cell("bill.quantity", count(line.quantity)),
    cell("bill.rate", `$${line.rate} ${term("unit", unit)}`),
    make("td", { class: "number amount" }, full(ofPico(line.pico))),
  );
}

// The sum, the only rounding there is, and who paid.
function sumsOf(receipt) {
  const rounded = receipt.rounding.added_pico !== "0";
  const short = receipt.shortfall_nano !== "0";
  return [
    rounded && ["bill.sum", full(ofPico(receipt.sum_pico))],
    rounded && ["bill.rounding", full(ofPico(receipt.rounding.added_pico), { sign: true })],
    short && ["bill.charge", full(receipt.charge)],
    short && ["bill.shortfall", full(`-${receipt.shortfall}`)],
    ["bill.paid", full(receipt.paid)],
  ]
    .filter(Boolean)
    .map(([name, amount]) =>
      make(
        "tr",
        {},
        make("th", { scope: "row", colspan: "3" }, word(name)),
        make("td", { class: "number amount" }, amount),
      ),
    );
}

function factsOf(receipt) {
  const { hold, transfer } = receipt;
  const upstream = [receipt.provider, receipt.upstream_model].filter(Boolean).join(" · ");
  const facts = [
    ["receipt.route", upstream ? `${receipt.model} → ${upstream}` : receipt.model],
    ["receipt.evidence", term("evidence", receipt.evidence)],
    ["receipt.end", endOf(receipt)],
    [
      "receipt.times",
      word("receipt.times_text", {
        first: seconds(receipt.first_byte_ms),
        total: seconds(receipt.total_ms),
      }),
    ],
    [
      "receipt.hold",
      word(transfer ? "receipt.hold_text" : "receipt.hold_back", {
        held: full(hold.amount),
        paid: full(receipt.paid),
      }),
    ],
    transfer && ["receipt.after", full(ofNano(BigInt(transfer.balance_nano)))],
    ["receipt.request", code(receipt.id)],
    receipt.upstream_id && ["receipt.upstream", code(receipt.upstream_id)],
    transfer && [
      "receipt.ledger",
      code(`#${transfer.seq} ${transfer.hash.slice(0, HASH_CHARS)}…`),
    ],
  ];
  const list = make("dl", { class: "pairs" });
  for (const [name, value] of facts.filter(Boolean)) {
    list.append(make("dt", {}, word(name)), make("dd", {}, value));
  }
  return list;
}

function endOf(receipt) {
  const parts = [
    term("outcome", receipt.outcome),
    `HTTP ${receipt.status}`,
    receipt.finish_reason,
  ];
  return parts.filter(Boolean).join(" · ");
}

function trailOf(trail) {
  const head = ["provider", "outcome", "status", "started", "took"].map((name) =>
    make(
      "th",
      { scope: "col", class: name === "provider" || name === "outcome" ? "" : "number" },
      word(`trail.${name}`),
    ),
  );
  const rows = trail.map((attempt) =>
    make(
      "tr",
      {},
      make("th", { scope: "row" }, `${attempt.provider} · ${attempt.model}`),
      cell("trail.outcome", term("outcome", attempt.outcome), "amount"),
      cell("trail.status", attempt.status ? String(attempt.status) : "—", "number"),
      cell("trail.started", `+${attempt.started_ms} ms`, "number"),
      cell("trail.took", seconds(attempt.total_ms), "number"),
    ),
  );
  return make(
    "section",
    {},
    make("h3", {}, word("receipt.trail", { count: trail.length })),
    make(
      "table",
      { class: "cards" },
      make("thead", {}, make("tr", {}, ...head)),
      make("tbody", {}, ...rows),
    ),
  );
}

function proofOf(receipt) {
  const commands = checkOf(receipt);
  const copy = make(
    "button",
    { class: "button", type: "button", "data-word": "copy.name" },
    word("copy.name"),
  );
  copy.addEventListener("click", () => copyFrom(copy, commands));
  const save = make("button", { class: "button", type: "button" }, word("receipt.save"));
  save.addEventListener("click", () => saved(receipt));
  return make(
    "details",
    { class: "proof" },
    make("summary", {}, word("receipt.proof")),
    make(
      "div",
      { class: "card-body" },
      make("p", { class: "prose" }, word("receipt.proof_text")),
      make(
        "dl",
        { class: "pairs" },
        make("dt", {}, word("receipt.key")),
        make("dd", {}, code(`${receipt.signature.algorithm} ${receipt.signature.key_id}`)),
      ),
      make("div", { class: "code with-copy" }, make("pre", {}, commands), copy),
      make("div", { class: "row" }, save),
    ),
  );
}

function checkOf(receipt) {
  return [
    `curl -s ${location.origin}/api/v1/receipts/${receipt.id} \\`,
    '  -H "Authorization: Bearer YOUR_API_KEY" > receipt.json',
    `curl -s ${location.origin}/api/v1/receipts/key > key.json`,
    "run_proxy.py receipt check receipt.json --key key.json",
  ].join("\n");
}

function saved(receipt) {
  const file = new Blob([JSON.stringify(receipt, null, 2)], { type: "application/json" });
  const link = make("a", {
    href: URL.createObjectURL(file),
    download: `${receipt.id}.json`,
  });
  link.click();
  URL.revokeObjectURL(link.href);
}

function cell(name, text, kind = "number") {
  return make("td", { class: kind, "data-label": word(name) }, text);
}

function code(text) {
  return make("code", {}, text);
}
