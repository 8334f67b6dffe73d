// 候选: every way to serve a model, and what became of its last attempts.

import { Card } from "./card.js";
import { seconds, timeOf } from "./dates.js";
import { find, make } from "./dom.js";
import { term, word } from "./language.js";
import { count } from "./money.js";
import { sheet } from "./sheet.js";

// What serves a model without a credential while the gateway runs as a demo.
const DEMO = "demo";

export class Candidates {
  constructor(desk, section) {
    this.card = new Card(find("[data-list]", section), {
      fetch: () => desk.get("candidates"),
      draw: ({ candidates, since, requests }) => {
        const basis = { count: count(requests), since: since ? timeOf(since).textContent : "—" };
        find("[data-basis]", section).textContent = word("candidate.basis", basis);
        const rows = byModel(candidates);
        return rows.length ? [sheet("admin.candidates", COLUMNS, rows)] : [];
      },
      failed: desk.failed,
    });
  }

  open() {
    this.card.load();
  }

  redraw() {
    this.card.redraw();
  }
}

const COLUMNS = [
  { head: "list.model", code: true, cell: (one) => one.model },
  { head: "candidate.provider", cell: providerOf },
  { head: "list.status", cell: stateOf },
  { head: "candidate.attempts", number: true, cell: (one) => count(one.attempts) },
  { head: "candidate.good", number: true, cell: goodOf },
  { head: "candidate.median", number: true, cell: (one) => seconds(one.p50_ms) },
  { head: "candidate.outcomes", cell: outcomesOf },
  { head: "candidate.error", cell: errorOf },
];

// Those that were tried without being configured stand beside their model's own.
function byModel(candidates) {
  const models = Map.groupBy(candidates, (one) => one.model);
  return [...models.values()].flat();
}

function providerOf({ provider, upstream_model: model }) {
  return [provider, make("span", { class: "second" }, model)];
}

function stateOf({ configured, credential, attempts, ok, failed, provider }) {
  if (!configured && provider === DEMO) return state("good", "candidate.demo");
  if (!configured) return state("muted", "candidate.gone");
  if (!credential) return state("warn", "candidate.no_credential");
  if (attempts === 0) return state("muted", "candidate.untried");
  if (failed === 0) return state("good", "candidate.fine");
  return ok === 0 ? state("bad", "candidate.failing") : state("warn", "candidate.mixed");
}

function state(kind, name) {
  return make("span", { class: `status ${kind}` }, word(name));
}

// Callers who left say nothing about the provider.
function goodOf({ ok, failed }) {
  const judged = ok + failed;
  return judged === 0 ? "—" : `${Math.floor((ok * 100) / judged)} %`;
}

function outcomesOf({ outcomes }) {
  const named = new Map();
  for (const [outcome, number] of Object.entries(outcomes)) {
    const name = term("attempt", outcome);
    named.set(name, (named.get(name) ?? 0) + number);
  }
  const most = [...named].sort(([, one], [, other]) => other - one);
  return most.map(([name, number]) => `${name} ${count(number)}`).join(" · ") || "—";
}

function errorOf({ last_error: error }) {
  if (!error) return "—";
  const status = error.status ? ` ${error.status}` : "";
  return [`${term("attempt", error.outcome)}${status}`, make("span", { class: "second" }, timeOf(error.at))];
}
