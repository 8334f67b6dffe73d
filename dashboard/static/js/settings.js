// 设置: the password, what the pages look and speak like, who is signed in, what was done
// to the account, and everything about it as files.

import { change, read } from "./api.js";
import { minuteOf } from "./dates.js";
import { find, findAll, make, tell, whileBusy } from "./dom.js";
import { chosenTheme, useLanguageOf, useTheme } from "./page.js";
import { WORDS } from "./words/settings.js";
import { learn, term, word } from "./words.js";

const PAGE = 20;
const EXPORT_PAGE = 200;
const EXPORT_MAX = 10_000;
const SYSTEMS = [
  [/iPhone|iPad/, "iOS"], [/Android/, "Android"], [/Windows/, "Windows"],
  [/Mac OS X/, "macOS"], [/Linux|X11/, "Linux"],
];
const BROWSERS = [
  [/Edg\//, "Edge"], [/OPR\//, "Opera"], [/Firefox\//, "Firefox"],
  [/Chrome\//, "Chrome"], [/Safari\//, "Safari"],
];

learn(WORDS);

export class Settings {
  constructor(account) {
    this.account = account;
    this.sessions = null;
    this.acts = [];
    this.next = null;
    this.sessionsCard = find("#sessions");
    this.actsCard = find("#activity");
    this.more = find("#activity-more");
    find("#password-form").addEventListener("submit", (event) => this.password(event));
    find("#sessions-others").addEventListener("click", (event) =>
      this.act(event.currentTarget, () => this.revokeOthers()));
    find("[data-retry]", this.sessionsCard).addEventListener("click", () => this.load());
    find("[data-retry]", this.actsCard).addEventListener("click", () => this.loadActs());
    this.more.addEventListener("click", () => whileBusy(this.more, () => this.page()));
    find("#export").addEventListener("click", (event) =>
      this.act(event.currentTarget, () => this.export(), "#export-notice"));
    for (const input of findAll("#settings [name=theme]")) {
      input.addEventListener("change", () => useTheme(input.value));
    }
    for (const input of findAll("#settings [name=language]")) {
      input.addEventListener("change", () => this.language(input.value));
    }
  }

  open() {
    this.drawChoices();
    return Promise.all([this.load(), this.loadActs()]);
  }

  close() {
    find("#password-form").reset();
  }

  redraw() {
    find("#password-email").value = this.account.profile.user.email;
    this.drawChoices();
    if (this.sessions) this.draw();
    if (this.acts.length) this.drawActs();
  }

  drawChoices() {
    for (const input of findAll("#settings [name=theme]")) {
      input.checked = input.value === chosenTheme();
    }
    for (const input of findAll("#settings [name=language]")) {
      input.checked = input.value === (this.account.language ?? "");
    }
  }

  // The choice counts for this browser, and for others from the next sign-in on.
  async language(language) {
    const notice = find("#looks-notice");
    tell(notice, "");
    try {
      await change("user", "set_language", { language });
      this.account.language = language;
      useLanguageOf(language);
    } catch (failure) {
      if (failure.status === 401) return this.account.leave();
      tell(notice, failure.message);
      this.drawChoices();
    }
  }

  async password(event) {
    event.preventDefault();
    const form = event.currentTarget;
    const notice = find("#password-notice");
    tell(notice, "");
    const fields = {
      password: find("#password-now").value,
      new_password: find("#password-new").value,
    };
    await whileBusy(find("[type=submit]", form), async () => {
      try {
        await change("user", "change_password", fields);
        form.reset();
        tell(notice, word("password.done"), "good");
        await this.account.renewToken();
        await this.load();
      } catch (failure) {
        if (failure.status === 401) return this.account.leave();
        tell(notice, failure.message);
      }
    });
  }

  // Sessions.

  async load() {
    if (!this.sessions) this.sessionsCard.dataset.state = "loading";
    try {
      this.sessions = (await read("user", "sessions")).sessions;
      this.sessionsCard.dataset.state = "filled";
      this.draw();
    } catch (failure) {
      this.failed(this.sessionsCard, failure);
    }
  }

  draw() {
    find("#sessions-rows").replaceChildren(...this.sessions.map((one) => this.row(one)));
    find("#sessions-others").hidden = this.sessions.length < 2;
  }

  row(session) {
    const device = make("td", { class: "device", title: session.agent },
      make("strong", {}, deviceOf(session.agent)));
    if (session.current) {
      device.append(make("span", { class: "pill good" }, word("sessions.current")));
    }
    const acts = make("td", { class: "key-acts" });
    if (!session.current) {
      const button = make("button", { class: "button plain danger", type: "button",
        "aria-label": `${word("sessions.revoke")} ${deviceOf(session.agent)}` },
        word("sessions.revoke"));
      button.addEventListener("click", () =>
        this.act(button, () => this.revoke(session.id)));
      acts.append(button);
    }
    return make("tr", {}, device,
      make("td", { "data-label": word("sessions.address") },
        make("code", {}, session.address || "—")),
      make("td", { "data-label": word("sessions.created") }, minuteOf(session.created_at)),
      make("td", { "data-label": word("sessions.seen") }, minuteOf(session.seen_at)),
      acts);
  }

  async revoke(id) {
    await change("user", "revoke_session", { id });
    tell(find("#sessions-notice"), word("sessions.revoked"), "good");
    await this.load();
  }

  async revokeOthers() {
    const { revoked } = await change("user", "revoke_sessions");
    tell(find("#sessions-notice"), word("sessions.others_done", { count: revoked }), "good");
    await this.load();
  }

  // What was done.

  async loadActs() {
    this.acts = [];
    this.next = null;
    this.actsCard.dataset.state = "loading";
    await this.page();
  }

  async page() {
    const query = this.next ? { limit: PAGE, before: this.next } : { limit: PAGE };
    try {
      const answer = await read("user", "activity", query);
      this.acts.push(...answer.acts);
      this.next = answer.next;
      this.actsCard.dataset.state = "filled";
      this.drawActs();
    } catch (failure) {
      this.failed(this.actsCard, failure);
    }
  }

  drawActs() {
    find("#activity-rows").replaceChildren(...this.acts.map(actRow));
    this.more.hidden = this.next === null;
  }

  // All that there is about the account besides its money, which has files of its own.
  async export() {
    const data = {
      exported_at: new Date().toISOString(),
      account: (await read("user", "profile")).user,
      keys: (await read("user", "keys")).keys,
      sessions: (await read("user", "sessions")).sessions,
      orders: await all("orders", "orders"),
      activity: await all("activity", "acts"),
    };
    const file = new Blob([JSON.stringify(data, null, 2)], { type: "application/json" });
    const address = URL.createObjectURL(file);
    make("a", { href: address, download: "autolist-account.json" }).click();
    URL.revokeObjectURL(address);
  }

  async act(button, work, notice = "#sessions-notice") {
    tell(find(notice), "");
    await whileBusy(button, async () => {
      try {
        await work();
      } catch (failure) {
        if (failure.status === 401) return this.account.leave();
        tell(find(notice), failure.message);
      }
    });
  }

  failed(card, failure) {
    if (failure.status === 401) return this.account.leave();
    find("[data-error]", card).textContent = failure.message;
    card.dataset.state = "error";
  }
}

async function all(action, name) {
  const entries = [];
  let next = null;
  do {
    const query = next ? { limit: EXPORT_PAGE, before: next } : { limit: EXPORT_PAGE };
    const answer = await read("user", action, query);
    entries.push(...answer[name]);
    next = answer.next;
  } while (next !== null && entries.length < EXPORT_MAX);
  return entries;
}

function actRow(act) {
  const who = act.actor === "self" ? act.address || "—" : word(`actor.${act.actor}`);
  const what = make("td", {}, term("act", act.act));
  if (act.target) what.append(" ", make("code", { class: "muted" }, act.target));
  return make("tr", {},
    make("td", { "data-label": word("activity.time") }, minuteOf(act.at)),
    what,
    make("td", { "data-label": word("activity.from") }, who));
}

// A browser and a system by the words that everybody has put into their agents.
function deviceOf(agent) {
  const nameOf = (table) => table.find(([pattern]) => pattern.test(agent))?.[1];
  const parts = [nameOf(BROWSERS), nameOf(SYSTEMS)].filter(Boolean);
  return parts.length ? parts.join(" · ") : agent.slice(0, 40) || word("sessions.unknown");
}
