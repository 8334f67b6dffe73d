// 配置: what the gateway was told, setting by setting. The server leaves secrets out; of
// credentials it tells the name, and whether it is set.

import { Card } from "./card.js";
import { timeOf } from "./dates.js";
import { find, make } from "./dom.js";
import { word } from "./language.js";
import { sheet } from "./sheet.js";

export class Config {
  constructor(desk, section) {
    this.search = find("#config-search", section);
    this.card = new Card(find("[data-list]", section), {
      fetch: () => desk.get("config"),
      draw: (answer) => this.drawAll(answer),
      empty: "config.none",
      failed: desk.failed,
    });
    this.search.addEventListener("input", () => this.card.redraw());
    this.search.form.addEventListener("submit", (event) => event.preventDefault());
  }

  open() {
    this.card.load();
  }

  redraw() {
    this.card.redraw();
  }

  drawAll({ config, ...outcome }) {
    const wanted = this.search.value.trim().toLowerCase();
    const groups = Object.entries(config).map(([name, value]) => [name, settingsOf(name, value)]);
    const shown = groups.flatMap(([name, settings]) => {
      const found = settings.filter((one) => saidOf(one).includes(wanted));
      return found.length ? [group(name, found, wanted !== "")] : [];
    });
    return shown.length ? [...outcomeOf(outcome), ...shown] : [];
  }
}

// Since when it is in force, and what of the files is not.
function outcomeOf({ loaded_at: since, restart, refusal }) {
  const said = [make("p", { class: "prose" }, `${word("config.since")} `, timeOf(since))];
  if (refusal !== null) {
    const text = word("config.refused", { reason: refusal });
    said.push(make("p", { class: "notice bad", role: "alert" }, text));
  }
  if (restart.length) {
    const text = word("config.restart", { names: restart.join(", ") });
    said.push(make("p", { class: "notice warn" }, text));
  }
  return [make("div", { class: "card-body" }, ...said)];
}

const COLUMNS = [
  { head: "config.setting", code: true, cell: (one) => one.path },
  { head: "config.value", code: true, cell: (one) => one.value },
];

function group(name, settings, open) {
  const details = make("details", { class: "fold" },
    make("summary", {}, `${name} (${settings.length})`),
    sheet("admin.config", COLUMNS, settings),
  );
  details.open = open;
  return details;
}

function saidOf({ path, value }) {
  return `${path} ${value}`.toLowerCase();
}

// { listen: { port: 1 } } is one setting, listen.port.
function settingsOf(path, value) {
  if (value === null || typeof value !== "object") return [{ path, value: textOf(value) }];
  const plain = Array.isArray(value) && value.every((one) => typeof one !== "object");
  if (plain) return [{ path, value: value.length ? value.join(", ") : "[]" }];
  return Object.entries(value).flatMap(([name, one]) => settingsOf(`${path}.${name}`, one));
}

function textOf(value) {
  if (value === true) return word("config.yes");
  if (value === false) return word("config.no");
  return value === null ? "—" : String(value);
}
