// The dashboard: loads the account once, shows one view at a time, keeps the balance in
// the bar current. Each view's address is its fragment, which may end in a query for
// the view: #transactions?type=usage.

import { change, read, useToken } from "./api.js";
import { find, findAll } from "./dom.js";
import { cents, full } from "./money.js";
import { copyFrom, openPage, useLanguageOf } from "./page.js";
import { openRail } from "./rail.js";
import { Views } from "./views.js";
import { language, languageChosen, word } from "./words.js";

const KEY_PLACEHOLDER = "YOUR_API_KEY";
const EXAMPLE_MODEL = "gpt-4o";

const account = {
  drawCurl,
  profile: null,
  leave,
  balanceChanged,
  keyChanged,
  refresh,
  renewToken,
  // The default key while it is shown, and while the playground calls with it.
  key: null,
  playKey: null,
  language: "",
  model: EXAMPLE_MODEL,
};
const sections = new Map(findAll("main > section").map((section) => [section.id, section]));
const views = new Views(account);
const rail = openRail();
let shown = null;
// Whoever signs out is not sent on by an answer that finds nobody signed in.
let leaving = false;

openPage(redraw);
addEventListener("hashchange", () => {
  show();
  refresh();
});
addEventListener("focus", refresh);
find("#language").addEventListener("click", keepLanguage);
find("#logout").addEventListener("click", signOut);
find("[data-retry]", find("#account")).addEventListener("click", load);
document.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-copy-curl]");
  if (button) copyFrom(button, curl(account.key));
});
arrive();
show();
load();

// Whoever paid elsewhere comes back with the order in the query, as providers will not
// keep a fragment; from here on it is an address of ours.
function arrive() {
  const order = new URLSearchParams(location.search).get("order");
  if (!order) return;
  const hash = `#topup?${new URLSearchParams({ order })}`;
  history.replaceState(null, "", location.pathname + hash);
}

async function load() {
  const state = find("#account");
  state.dataset.state = "loading";
  try {
    const me = await renewToken();
    find("#operator").hidden = me.role !== "operator";
    account.profile = await read("user", "profile");
    account.language = me.language;
    state.dataset.state = "filled";
    // What was chosen in this browser counts here, also where it differs.
    if (me.language && !languageChosen()) useLanguageOf(me.language, { keep: false });
    else redraw();
    show();
    chooseModel();
  } catch (failure) {
    if (failure.status === 401) return leave();
    fail(failure.message);
  }
}

// The switch in the bar is the one in the settings: it counts for this account's other
// browsers too. If that cannot be said now, it counts here.
async function keepLanguage() {
  if (!account.profile) return;
  account.language = language();
  views.redraw();
  try {
    await change("user", "set_language", { language: language() });
  } catch (failure) {
    if (failure.status === 401) leave();
  }
}

// The token goes with the session, and a new password begins a new one.
async function renewToken() {
  const me = await read("auth", "me");
  useToken(me);
  return me;
}

// The example calls a model that answers here: the documentation's, else the first.
async function chooseModel() {
  try {
    const { models } = await read("user", "models");
    const able = models.filter((model) => model.kind === "chat" && model.available);
    const named = able.find((model) => model.id === EXAMPLE_MODEL) ?? able[0];
    if (named) account.model = named.id;
    drawCurl();
  } catch {
    // The documentation's example is still a good one.
  }
}

function fail(message) {
  const state = find("#account");
  find("[data-error]", state).textContent = message;
  state.dataset.state = "error";
  for (const section of sections.values()) section.hidden = true;
}

// Calls are charged while the page is open: look again when somebody looks. A failure
// here is not worth a message, the view that was opened has its own.
async function refresh() {
  if (!account.profile) return;
  try {
    const { user } = await read("user", "profile");
    // Somebody else has signed in, in another tab.
    if (user.id !== account.profile.user.id) return location.reload();
    balanceChanged(user.balance_exact);
  } catch (failure) {
    if (failure.status === 401) leave();
  }
}

function redraw() {
  if (!account.profile) return;
  const { user, demo } = account.profile;
  find("#email").textContent = user.email;
  find("#email").title = user.email;
  find("#demo").hidden = !demo;
  drawBalance(user.balance_exact);
  drawCurl();
  for (const element of findAll("[data-mask]")) {
    element.textContent = user.api_key ?? word("keys.none");
  }
  views.redraw();
}

function drawBalance(exact) {
  for (const element of findAll("[data-balance]")) {
    element.textContent = cents(exact);
    element.title = full(exact);
  }
}

function drawCurl() {
  for (const block of findAll("[data-curl]")) block.textContent = curl(account.key);
}

// The example of the documentation, with the key in it while the key is shown.
function curl(key) {
  const body = `{"model": "${account.model}", "messages": [{"role": "user", "content": "${word("steps.hello")}"}]}`;
  return [
    `curl -X POST ${location.origin}/api/v1/chat/completions \\`,
    `  -H "Authorization: Bearer ${key ?? KEY_PLACEHOLDER}" \\`,
    '  -H "Content-Type: application/json" \\',
    `  -d '${body}'`,
  ].join("\n");
}

// Another query of the view that is shown is the view's own affair: nothing jumps.
async function show() {
  const [asked, query] = location.hash.slice(1).split("?", 2);
  const name = sections.has(asked) ? asked : "overview";
  for (const [other, section] of sections) section.hidden = other !== name;
  rail.mark(name);
  if (name !== shown) {
    views.closeAllBut(name);
    for (const dialog of findAll("dialog[open]")) dialog.close();
    scrollTo(0, 0);
    if (asked) focusHeading(name);
  }
  shown = name;
  // Until its module is there nothing in it would answer.
  sections.get(name).inert = !views.has(name);
  if (!account.profile) return;
  find("#account").dataset.state = "filled";
  await openView(name, query);
}

async function openView(name, query) {
  try {
    const view = await views.view(name);
    const section = sections.get(name);
    const waited = section.inert;
    section.inert = false;
    if (name !== shown) return;
    if (waited && location.hash) focusHeading(name);
    view.open?.(new URLSearchParams(query));
  } catch {
    if (name === shown) fail(word("error.view"));
  }
}

function focusHeading(name) {
  find("h1", sections.get(name)).focus({ preventScroll: true });
}

function balanceChanged(exact) {
  account.profile.user.balance_exact = exact;
  drawBalance(exact);
}

function keyChanged(masked) {
  account.profile.user.api_key = masked;
  redraw();
}

async function signOut() {
  leaving = true;
  try {
    await change("auth", "logout");
  } finally {
    location.replace("/public/login.html");
  }
}

function leave() {
  if (!leaving) location.replace(`/public/login.html${location.hash}`);
}
