// The dashboard: loads the account once, shows one view at a time, keeps the balance in
// the bar current. Each view's address is its fragment, which may end in a query for
// the view: #transactions?type=usage.

import { change, read, useToken } from "./api.js";
import { find, findAll, make } from "./dom.js";
import { cents, count, full } from "./money.js";
import { copyFrom, openPage, useLanguageOf } from "./page.js";
import { openRail } from "./rail.js";
import { Views } from "./views.js";
import { languageChosen, word } from "./words.js";

const KEY_PLACEHOLDER = "YOUR_API_KEY";

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
};
const sections = new Map(findAll("main > section").map((section) => [section.id, section]));
const views = new Views(account);
const rail = openRail();
let shown = null;

openPage(redraw);
addEventListener("hashchange", () => {
  show();
  refresh();
});
addEventListener("focus", refresh);
find("#logout").addEventListener("click", signOut);
find("[data-retry]", find("#account")).addEventListener("click", load);
for (const button of findAll("[data-copy-curl]")) {
  button.addEventListener("click", () => copyFrom(button, curl(account.key)));
}
drawLimits({});
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
    if (me.language && !languageChosen()) useLanguageOf(me.language);
    else redraw();
    show();
  } catch (failure) {
    if (failure.status === 401) return leave();
    fail(failure.message);
  }
}

// The token goes with the session, and a new password begins a new one.
async function renewToken() {
  const me = await read("auth", "me");
  useToken(me.csrf_token);
  return me;
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
    balanceChanged((await read("user", "profile")).user.balance_exact);
  } catch (failure) {
    if (failure.status === 401) leave();
  }
}

function redraw() {
  if (!account.profile) return;
  const { user, limits, demo } = account.profile;
  find("#email").textContent = user.email;
  find("#email").title = user.email;
  find("#reveal-email").value = user.email;
  find("#demo").hidden = !demo;
  drawBalance(user.balance_exact);
  drawLimits(limits);
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

function drawLimits(limits) {
  for (const list of findAll("[data-limits]")) {
    const facts = ["rpm", "tpm", "concurrency"].map((name) =>
      make("div", {}, make("dt", {}, word(`limits.${name}`)), make("dd", {}, told(limits[name]))),
    );
    list.replaceChildren(...facts);
  }
}

// null is no limit; undefined is not known yet.
function told(limit) {
  if (limit === undefined) return "—";
  return limit === null ? word("limits.none") : count(limit);
}

function drawCurl() {
  for (const block of findAll("[data-curl]")) block.textContent = curl(account.key);
}

// The example of the documentation, with the key in it while the key is shown.
function curl(key) {
  const body = '{"model": "gpt-4o", "messages": [{"role": "user", "content": "你好"}]}';
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
    scrollTo(0, 0);
    if (asked) find("h1", sections.get(name)).focus({ preventScroll: true });
  }
  shown = name;
  if (!account.profile) return;
  find("#account").dataset.state = "filled";
  await openView(name, query);
}

async function openView(name, query) {
  try {
    const view = await views.view(name);
    if (name === shown) view.open?.(new URLSearchParams(query));
  } catch {
    if (name === shown) fail(word("error.view"));
  }
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
  try {
    await change("auth", "logout");
  } finally {
    location.replace("/public/login.html");
  }
}

function leave() {
  location.replace(`/public/login.html${location.hash}`);
}
