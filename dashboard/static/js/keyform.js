// The dialog that makes a key or changes its limits. A new key is shown in it once, with
// a call that works as it stands.

import { change } from "./api.js";
import { catalogue } from "./catalogue.js";
import { dayOf } from "./dates.js";
import { find, make, tell, whileBusy } from "./dom.js";
import { copyFrom } from "./page.js";
import { snippet } from "./snippets.js";
import { word } from "./words.js";

const TEXTS = ["limit", "limit_day", "limit_month", "rpm", "tpm", "concurrency"];
const GREETING = "Hello";
// What is asked of a model of each kind, in the example.
const EXAMPLES = {
  chat: (model) => ["chat/completions",
    { model, messages: [{ role: "user", content: GREETING }] }],
  image: (model) => ["images/generations", { model, prompt: GREETING }],
  video: (model) => ["videos/generations", { model, prompt: GREETING }],
};

export class KeyForm {
  constructor(account, changed) {
    this.account = account;
    this.changed = changed;
    this.key = null;
    this.plain = null;
    this.curl = "";
    this.dialog = find("#key-dialog");
    this.form = find("#key-form");
    this.made = find("#key-made");
    this.notice = find("[data-notice]", this.form);
    this.form.addEventListener("submit", (event) => this.submit(event));
    this.dialog.addEventListener("close", () => this.forget());
    find("[data-cancel]", this.form).addEventListener("click", () => this.dialog.close());
    find("#made-done").addEventListener("click", () => this.dialog.close());
    find("#made-copy").addEventListener("click", (event) =>
      copyFrom(event.currentTarget, this.plain));
    find("#made-copy-curl").addEventListener("click", (event) =>
      copyFrom(event.currentTarget, this.curl));
  }

  create() {
    this.openFor(null);
  }

  edit(key) {
    this.openFor(key);
  }

  async openFor(key) {
    this.key = key;
    this.shownUntil = "";
    this.form.reset();
    this.form.hidden = false;
    this.made.hidden = true;
    tell(this.notice, "");
    const act = key ? "edit" : "create";
    find("#key-form-heading").textContent = word(`keyform.${act}`);
    find("[type=submit]", this.form).textContent = word(`keyform.${act}_submit`);
    if (key) this.fill(key);
    find("#key-more").open = Boolean(key && (key.models || key.cidrs || key.rpm
      || key.tpm || key.concurrency || key.limit || key.limit_day));
    this.dialog.showModal();
    await this.listModels(key?.models);
  }

  fill(key) {
    find("#key-label").value = key.label;
    if (key.expires_at) this.shownUntil = dayOf(key.expires_at);
    find("#key-expires_at").value = this.shownUntil;
    find("#key-cidrs").value = (key.cidrs ?? []).join("\n");
    for (const name of TEXTS) find(`#key-${name}`).value = key[name] ?? "";
  }

  // Without the list a key can be made all the same; its models are then as they were.
  async listModels(chosen) {
    const box = find("#key-models");
    this.models = null;
    box.replaceChildren(make("legend", {}, word("keyform.models")));
    try {
      this.models = await catalogue();
    } catch (failure) {
      box.append(make("p", { class: "muted" }, failure.message));
      return;
    }
    box.append(...this.models.map(({ id }) => checkbox(id, chosen?.includes(id))));
  }

  async submit(event) {
    event.preventDefault();
    tell(this.notice, "");
    await whileBusy(find("[type=submit]", this.form), async () => {
      try {
        await (this.key ? this.update() : this.make());
      } catch (failure) {
        if (failure.status === 401) return this.account.leave();
        tell(this.notice, failure.message);
      }
    });
  }

  async update() {
    await change("user", "update_key", { id: this.key.id, ...this.fields() });
    this.dialog.close();
    this.changed();
  }

  async make() {
    const answer = await change("user", "create_key", this.fields());
    this.plain = answer.api_key;
    this.curl = this.example(answer.key);
    find("#made-text").textContent = this.plain;
    find("#made-curl").textContent = this.curl;
    find("#made-example").hidden = !this.curl;
    this.form.hidden = true;
    this.made.hidden = false;
    // Closed while the key was being made: it is shown all the same, there is no other time.
    if (!this.dialog.open) this.dialog.showModal();
    find("#made-copy").focus();
    this.changed();
  }

  // A call to the first model that this key may use and that somebody serves.
  example(key) {
    const able = (this.models ?? []).find((model) =>
      model.available && (!key.models || key.models.includes(model.id)));
    if (!able) return "";
    const [path, body] = EXAMPLES[able.kind](able.id);
    return snippet("curl", { path, body, key: this.plain });
  }

  fields() {
    const fields = { label: find("#key-label").value.trim() };
    const until = find("#key-expires_at").value;
    // A moment that was not touched stays as exact as it was.
    if (until !== this.shownUntil) fields.expires_at = until ? endOf(until) : null;
    for (const name of TEXTS) fields[name] = find(`#key-${name}`).value.trim() || null;
    const cidrs = find("#key-cidrs").value.split(/[\s,]+/).filter(Boolean);
    fields.cidrs = cidrs.length ? cidrs : null;
    if (this.models) {
      const chosen = [...this.form.querySelectorAll("#key-models input:checked")];
      fields.models = chosen.length ? chosen.map((box) => box.value) : null;
    }
    return fields;
  }

  // What was shown once is gone from the page as well.
  forget() {
    this.plain = null;
    this.curl = "";
    find("#made-text").textContent = "";
    find("#made-curl").textContent = "";
  }
}

// The chosen day is the last one, in the zone of whoever chose it.
function endOf(day) {
  return new Date(`${day}T23:59:59`).toISOString();
}

function checkbox(id, checked) {
  const box = make("input", { type: "checkbox", value: id });
  box.checked = Boolean(checked);
  return make("label", { class: "check" }, box, make("span", {}, id));
}
