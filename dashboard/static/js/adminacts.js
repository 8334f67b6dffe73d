// 审计日志: who did what, to whom, from where and why.

import { timeOf } from "./dates.js";
import { find, make } from "./dom.js";
import { term, word } from "./language.js";
import { Pages } from "./pages.js";
import { person } from "./person.js";
import { sheet } from "./sheet.js";

export class Acts {
  constructor(desk, section) {
    this.kind = find("#act-kind", section);
    this.only = find("[data-only]", section);
    this.userId = null;
    this.list = new Pages(find("[data-list]", section), {
      ask: (query) => desk.get("acts", { ...this.filter(), ...query }),
      name: "acts",
      empty: "act.none",
      draw: (acts) => [sheet("admin.acts", COLUMNS, acts)],
      failed: desk.failed,
    });
    this.kind.addEventListener("change", () => this.list.reload());
  }

  open(query) {
    this.userId = query.get("user_id");
    this.only.hidden = this.userId === null;
    find("code", this.only).textContent = this.userId ?? "";
    this.list.reload();
  }

  redraw() {
    this.list.redraw();
  }

  filter() {
    const chosen = this.kind.value ? { act: this.kind.value } : {};
    return this.userId ? { user_id: this.userId, ...chosen } : chosen;
  }
}

const COLUMNS = [
  { head: "list.time", nowrap: true, cell: (one) => timeOf(one.at) },
  { head: "act.what", nowrap: true, cell: whatOf },
  { head: "act.actor", cell: actorOf },
  { head: "act.user", cell: (one) => person(one.user) },
  { head: "act.target", cell: targetOf },
  { head: "act.address", cell: (one) => one.address || "—" },
];

function whatOf({ act }) {
  return term("deed", act);
}

// Commands act without an account and from no address, visitors before they are signed in.
function actorOf({ actor, address }) {
  if (actor) return person(actor);
  return word(address ? "act.visitor" : "act.command");
}

function targetOf({ target, details }) {
  const said = Object.entries(details ?? {}).map(([name, value]) => `${name}: ${textOf(value)}`);
  const more = said.length ? [make("span", { class: "second wrap" }, said.join(" · "))] : [];
  return [make("span", { class: "wrap" }, target || "—"), ...more];
}

function textOf(value) {
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
