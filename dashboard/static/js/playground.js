// 试用: the models called as a program would call them, with the default key of whoever
// is signed in. The key is asked for with the password, once, and kept in memory only.

import { change, read } from "./api.js";
import { catalogue, rates } from "./catalogue.js";
import { Chat } from "./chat.js";
import { choice } from "./choices.js";
import { ask } from "./dialogs.js";
import { find, make } from "./dom.js";
import { Images } from "./images.js";
import { full } from "./money.js";
import { copyFrom } from "./page.js";
import { LANGUAGES, snippet } from "./snippets.js";
import { Videos } from "./videos.js";
import { WORDS } from "./words/playground.js";
import { learn, word } from "./words.js";

const KINDS = ["chat", "image", "video"];
const STORED = "autolist.code";
const LANGUAGE_NAMES = { curl: "cURL", python: "Python", javascript: "JavaScript" };

learn(WORDS);

export class Playground {
  constructor(account) {
    this.account = account;
    this.models = null;
    this.kind = "chat";
    this.chosen = {};
    this.card = find("#play");
    this.picker = find("#play-model");
    this.code = "";
    this.language = storedLanguage();
    this.panes = {
      chat: new Chat(this), image: new Images(this), video: new Videos(this),
    };
    this.picker.addEventListener("change", () => this.choose(this.picker.value));
    find("[data-retry]", this.card).addEventListener("click", () => this.load());
    find("#play-copy").addEventListener("click", (event) =>
      copyFrom(event.currentTarget, this.code));
    this.wireUnlock();
  }

  wireUnlock() {
    const dialog = find("#unlock-dialog");
    this.openUnlock = ask(dialog, () => this.unlock());
    dialog.addEventListener("close", () => this.unlocked?.(this.account.playKey));
  }

  open(query) {
    this.wished = query.get("model");
    return this.models ? this.draw() : this.load();
  }

  redraw() {
    find("#unlock-email").value = this.account.profile.user.email;
    if (this.models) this.draw();
  }

  async load() {
    this.card.dataset.state = "loading";
    try {
      this.models = (await catalogue()).filter(({ kind }) => KINDS.includes(kind));
      this.draw();
    } catch (failure) {
      find("[data-error]", this.card).textContent = failure.message;
      this.card.dataset.state = "error";
    }
  }

  // What is drawn: the kinds there are, the models of one, its price, its pane.

  draw() {
    const able = this.models.filter(({ available }) => available);
    this.card.dataset.state = able.length ? "filled" : "empty";
    if (!able.length) return;
    const wished = able.find(({ id }) => id === this.wished);
    this.wished = null;
    if (wished) {
      this.kind = wished.kind;
      this.chosen[wished.kind] = wished.id;
    }
    const kinds = KINDS.filter((kind) => able.some((model) => model.kind === kind));
    if (!kinds.includes(this.kind)) this.kind = kinds[0];
    this.drawKinds(kinds);
    this.drawModels();
    this.drawLanguages();
  }

  drawKinds(kinds) {
    find("#play-kinds").replaceChildren(...kinds.map((kind) =>
      choice("play-kind", kind, word(`play.${kind}`), kind === this.kind, () => {
        this.kind = kind;
        this.drawModels();
      })));
  }

  drawModels() {
    const models = this.models.filter(({ kind }) => kind === this.kind);
    const options = models.map((model) => {
      const option = make("option", { value: model.id }, model.id);
      option.disabled = !model.available;
      if (!model.available) option.append(` · ${word("play.unavailable")}`);
      return option;
    });
    const first = models.find(({ available }) => available);
    this.chosen[this.kind] ??= first.id;
    this.picker.replaceChildren(...options);
    this.picker.value = this.chosen[this.kind];
    for (const kind of KINDS) find(`#play-${kind}`).hidden = kind !== this.kind;
    this.choose(this.picker.value);
  }

  choose(id) {
    this.chosen[this.kind] = id;
    this.model = this.models.find((model) => model.id === id);
    const parts = rates(this.model).map(([meter, rate]) =>
      word(`rate.${meter}`, { price: full(rate) }));
    if (this.model.pricing.cases) parts.push(word("rate.cases"));
    find("#play-price").textContent = parts.join(" · ");
    this.panes[this.kind].choose(this.model);
    this.drawCode();
  }

  drawLanguages() {
    find("#play-languages").replaceChildren(...LANGUAGES.map((name) =>
      choice("play-language", name, LANGUAGE_NAMES[name], name === this.language, () => {
        this.language = name;
        storeLanguage(name);
        this.drawCode();
      })));
  }

  drawCode() {
    this.code = snippet(this.language, this.panes[this.kind].call());
    find("#play-code").textContent = this.code;
  }

  // The key to call with; null if the password was not given.
  async key() {
    if (this.account.playKey) return this.account.playKey;
    this.openUnlock();
    return new Promise((resolve) => (this.unlocked = resolve));
  }

  async unlock() {
    const password = find("#unlock-password").value;
    this.account.playKey = (await change("user", "reveal_key", { password })).api_key;
  }

  // A key that was replaced meanwhile is asked for again.
  heed(fault) {
    if (fault.status === 401) this.account.playKey = null;
  }

  // What a call came to, once it is written down; null if that takes too long.
  async receipt(id) {
    for (let wait = 200; wait < 5000; wait *= 2) {
      await new Promise((resolve) => setTimeout(resolve, wait));
      try {
        return (await read("user", "receipt", { id })).receipt;
      } catch (failure) {
        if (failure.status !== 404) return null;
      }
    }
    return null;
  }
}

function storedLanguage() {
  try {
    const stored = localStorage.getItem(STORED);
    return LANGUAGES.includes(stored) ? stored : LANGUAGES[0];
  } catch {
    return LANGUAGES[0];
  }
}

function storeLanguage(name) {
  try {
    localStorage.setItem(STORED, name);
  } catch {
    // Storage may be forbidden; the choice lasts as long as the page.
  }
}
