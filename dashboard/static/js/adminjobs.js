// 任务: the videos of everybody, how far they are, and what stopped them.

import { timeOf } from "./dates.js";
import { find, make } from "./dom.js";
import { term, word } from "./language.js";
import { Pages } from "./pages.js";
import { person } from "./person.js";
import { sheet } from "./sheet.js";

const KINDS = { completed: "good", failed: "bad", cancelled: "muted" };

export class Jobs {
  constructor(desk, section) {
    this.status = find("#job-status", section);
    this.list = new Pages(find("[data-list]", section), {
      ask: (query) => desk.get("jobs", { ...this.filter(), ...query }),
      name: "jobs",
      empty: "job.none",
      draw: (jobs) => [sheet("admin.jobs", COLUMNS, jobs)],
      failed: desk.failed,
    });
    this.status.addEventListener("change", () => this.list.reload());
  }

  open() {
    this.list.load();
  }

  redraw() {
    this.list.redraw();
  }

  filter() {
    return this.status.value ? { status: this.status.value } : {};
  }
}

const COLUMNS = [
  { head: "job.id", code: true, cell: (job) => job.id },
  { head: "list.user", cell: (job) => person(job.user) },
  { head: "list.model", cell: modelOf },
  { head: "list.status", cell: stateOf },
  { head: "job.tries", number: true, cell: (job) => `${job.attempts} / ${job.looks}` },
  { head: "list.time", nowrap: true, cell: timesOf },
];

function modelOf({ model, provider, upstream_model: upstream }) {
  return provider ? [model, second(`${provider} · ${upstream ?? "—"}`)] : model;
}

function stateOf({ status, progress, error }) {
  const name = term("job", status);
  const far = status === "running" && progress ? ` ${progress} %` : "";
  const state = make("span", { class: `status ${KINDS[status] ?? "warn"}` }, `${name}${far}`);
  if (!error) return state;
  const reason = term("attempt", error.code);
  return [state, second([reason, error.status].filter(Boolean).join(" "))];
}

function timesOf({ created_at: created, ended_at: ended, age_seconds: age }) {
  const left = ended
    ? second("→ ", timeOf(ended))
    : second(word("job.age", { seconds: String(age) }));
  return [timeOf(created), left];
}

function second(...children) {
  return make("span", { class: "second" }, ...children);
}
