// 令牌管理: the default key masked, shown after the password, replaced after a question;
// below it the other keys. The plain key lives in this object only, and only until the
// view is left.

import { change, read } from "./api.js";
import { when } from "./dates.js";
import { ask } from "./dialogs.js";
import { find, make, tell } from "./dom.js";
import { KeyForm } from "./keyform.js";
import { limitsOf, rowOf, spentOf, traffic } from "./keyrows.js";
import { copyFrom } from "./page.js";
import { WORDS } from "./words/keys.js";
import { learn, word } from "./words.js";

learn(WORDS);

export class Keys {
  constructor(account) {
    this.account = account;
    this.plain = null;
    this.fresh = false;
    this.keys = null;
    this.shown = false;
    this.revoked = null;
    this.text = find("#key-text");
    this.notice = find("#key-notice");
    this.copy = find("#key-copy");
    this.card = find("#keys-list");
    this.copy.addEventListener("click", () => copyFrom(this.copy, this.plain));
    find("#key-hide").addEventListener("click", () => this.conceal());
    find("#key-reveal").addEventListener("click",
      ask(find("#reveal-dialog"), () => this.reveal()));
    this.wireRegenerate();
    this.wireRevoke();
    this.wireList();
    this.form = new KeyForm(account, () => this.load());
  }

  wireRegenerate() {
    const open = ask(find("#regenerate-dialog"), () => this.regenerate());
    find("#key-regenerate").addEventListener("click", () => {
      find("#regenerate-traffic").textContent = this.default ? traffic(this.default) : "";
      open();
    });
  }

  wireRevoke() {
    const dialog = find("#revoke-dialog");
    this.openRevoke = ask(dialog, () => this.revoke());
    // The button that opened it went with its key.
    dialog.addEventListener("close", () => {
      if (!this.revoked) find("#keys h1").focus({ preventScroll: true });
    });
  }

  wireList() {
    find("[data-retry]", this.card).addEventListener("click", () => this.load());
    find("#key-limits").addEventListener("click", () => this.form.edit(this.default));
    for (const button of this.card.querySelectorAll("[data-create]")) {
      button.addEventListener("click", () => this.form.create());
    }
    find("#keys-revoked").addEventListener("click", () => {
      this.shown = !this.shown;
      this.draw();
    });
  }

  open() {
    return this.load();
  }

  close() {
    this.conceal();
  }

  async load() {
    if (!this.keys) this.state("loading");
    try {
      this.keys = (await read("user", "keys")).keys;
      this.draw();
    } catch (failure) {
      if (failure.status === 401) return this.account.leave();
      find("[data-error]", this.card).textContent = failure.message;
      this.state("error");
    }
  }

  get default() {
    return this.keys?.find((key) => key.default && key.status !== "revoked");
  }

  redraw() {
    const { api_key: masked, email } = this.account.profile.user;
    find("#reveal-email").value = email;
    this.text.textContent = this.plain ?? masked ?? word("keys.none");
    this.copy.hidden = !this.plain;
    find("#key-hide").hidden = !this.plain;
    find("#key-reveal").hidden = Boolean(this.plain) || !masked;
    tell(find("#keys-notice"), "");
    this.account.drawCurl();
    tell(this.notice, this.fresh ? word("keys.fresh") : "", "good");
    if (this.keys) this.draw();
  }

  draw() {
    this.drawDefault();
    const others = this.keys.filter((key) => !key.default);
    const revoked = others.filter((key) => key.status === "revoked");
    const listed = this.shown ? others : others.filter((key) => key.status !== "revoked");
    find("#keys-rows").replaceChildren(...listed.map((key) => rowOf(key, {
      edit: () => this.form.edit(key),
      revoke: () => this.askRevoke(key),
    })));
    find("#keys-table").hidden = listed.length === 0;
    const toggle = find("#keys-revoked");
    toggle.hidden = revoked.length === 0;
    toggle.textContent = word(this.shown ? "keys.hide_revoked" : "keys.show_revoked",
      { count: revoked.length });
    toggle.setAttribute("aria-expanded", this.shown);
    this.state(others.length ? "filled" : "empty");
  }

  drawDefault() {
    const key = this.default;
    find("#key-limits").hidden = !key;
    const facts = key
      ? [
          ["keys.created", when(key.created_at)],
          ["keys.used", key.used_on ?? "—"],
          ["keys.spent", spentOf(key)],
          ["keys.limits", limitsOf(key)],
        ]
      : [];
    find("#key-facts").replaceChildren(...facts.map(([name, value]) =>
      make("div", {}, make("dt", {}, word(name)), make("dd", {}, value))));
  }

  state(name) {
    this.card.dataset.state = name;
    this.card.setAttribute("aria-busy", name === "loading");
  }

  conceal() {
    this.show(null, false);
  }

  show(plain, fresh) {
    this.plain = plain;
    this.fresh = fresh;
    this.account.key = plain;
    if (plain) this.account.playKey = plain;
    this.account.drawCurl();
    this.copy.textContent = word("copy.name");
    if (this.account.profile) this.redraw();
  }

  async reveal() {
    const password = find("#reveal-password").value;
    const answer = await change("user", "reveal_key", { password });
    this.show(answer.api_key, false);
    return this.copy;
  }

  async regenerate() {
    const answer = await change("user", "regenerate_key");
    this.show(answer.api_key, true);
    this.account.keyChanged(answer.masked);
    this.load();
    return this.copy;
  }

  askRevoke(key) {
    this.revoked = key;
    find("#revoke-heading").textContent =
      word("revoke.heading", { name: key.label || key.mask });
    find("#revoke-traffic").textContent = traffic(key);
    this.openRevoke();
  }

  async revoke() {
    const { id, label, mask } = this.revoked;
    await change("user", "revoke_key", { id });
    this.revoked = null;
    tell(find("#keys-notice"), word("revoke.done", { name: label || mask }), "good");
    await this.load();
  }
}
