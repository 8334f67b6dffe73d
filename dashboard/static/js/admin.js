// The operator's pages: one view at a time, each the section and the module of its name.
// Whoever is not an operator is told so; the server shows them nothing in any case.
// A view that is seen before its module is there takes no clicks; and no form has an
// address of its own (its method is `dialog`), so that none is sent without a script.

import { change, read, useToken } from "./api.js";
import { find, findAll } from "./dom.js";
import { learn, word } from "./language.js";
import { openPage } from "./page.js";
import { openRail } from "./rail.js";
import { WORDS as ADMIN } from "./words/admin.js";

learn(ADMIN);

const VIEWS = {
  live: async () => (await import("./adminlive.js")).Live,
  users: async () => (await import("./adminusers.js")).Users,
  candidates: async () => (await import("./admincandidates.js")).Candidates,
  jobs: async () => (await import("./adminjobs.js")).Jobs,
  vouchers: async () => (await import("./adminvouchers.js")).Vouchers,
  orders: async () => (await import("./adminorders.js")).Orders,
  acts: async () => (await import("./adminacts.js")).Acts,
  config: async () => (await import("./adminconfig.js")).Config,
};
const FIRST = "live";
const REFUSED = 403;

const sections = new Map(findAll("main > section").map((section) => [section.id, section]));
const opened = new Map();
const rail = openRail();
// Whoever signs out is not sent on by an answer that finds nobody signed in.
let leaving = false;
const desk = { user: null, failed, get: (action, query) => read("admin", action, query), act };

openPage(redraw);
addEventListener("hashchange", show);
find("#logout").addEventListener("click", signOut);
find("[data-retry]", find("#account")).addEventListener("click", load);
load();

async function load() {
  const state = find("#account");
  state.dataset.state = "loading";
  try {
    const me = await read("auth", "me");
    useToken(me);
    desk.user = me.user;
    find("#email").textContent = me.user.email;
    find("#email").title = me.user.email;
    if (me.role !== "operator") return refuse();
    state.dataset.state = "filled";
    await show();
  } catch (failure) {
    if (!failed(failure)) fail(failure.message);
  }
}

async function show() {
  if (find("#account").dataset.state !== "filled") return;
  const [asked, query] = location.hash.slice(1).split("?", 2);
  const name = sections.has(asked) ? asked : FIRST;
  for (const [other, section] of sections) section.hidden = other !== name;
  const section = sections.get(name);
  for (const [other, view] of opened) if (other !== name) view.close?.();
  rail.mark(name);
  document.title = `${word(`admin.${name}`)} · ${word("admin.title")}`;
  scrollTo(0, 0);
  section.inert = !opened.has(name);
  try {
    const shown = await view(name);
    section.inert = false;
    if (asked && !section.hidden) find("h1", section).focus({ preventScroll: true });
    shown.open(new URLSearchParams(query));
  } catch {
    fail(word("error.offline"));
  }
}

async function view(name) {
  if (!opened.has(name)) {
    const View = await VIEWS[name]();
    if (!opened.has(name)) opened.set(name, new View(desk, sections.get(name)));
  }
  return opened.get(name);
}

function redraw() {
  for (const one of opened.values()) one.redraw?.();
  if (find("#account").dataset.state === "empty") return;
  const name = [...sections].find(([, section]) => !section.hidden)?.[0];
  if (name) document.title = `${word(`admin.${name}`)} · ${word("admin.title")}`;
}

function act(action, fields) {
  return change("admin", action, fields);
}

// Whether a failure concerns the whole page: nobody is signed in, or no operator.
function failed(failure) {
  if (failure.status === 401) leave();
  else if (failure.status === REFUSED) refuse();
  else return false;
  return true;
}

function refuse() {
  find("#account").dataset.state = "empty";
  find("#rail").hidden = true;
  for (const section of sections.values()) section.hidden = true;
}

function fail(message) {
  const state = find("#account");
  find("[data-error]", state).textContent = message;
  state.dataset.state = "error";
  for (const section of sections.values()) section.hidden = true;
}

function leave() {
  if (!leaving) location.replace(`/public/login.html?to=admin${location.hash}`);
}

async function signOut() {
  leaving = true;
  try {
    await change("auth", "logout");
  } finally {
    location.replace("/public/login.html");
  }
}
