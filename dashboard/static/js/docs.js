// The API document: the customer's text, with this site's address, the reader's key and
// the models of the running configuration in it. The key lives in this module only, and
// only as long as the page.

import { change } from "./api.js";
import { ask } from "./dialogs.js";
import { find, findAll } from "./dom.js";
import { learn, word } from "./language.js";
import { copyFrom } from "./page.js";
import { openSite, site } from "./site.js";
import { WORDS } from "./words/docs.js";

learn(WORDS);

const KEY_PLACEHOLDER = "YOUR_API_KEY";
const address = location.origin;
const dialog = find("#fill-dialog");
let plain = null;
// Examples and tables are further down: they are fetched when the page stands.
let parts = null;

const templates = new Map(
  findAll("[data-block] pre")
    .filter((block) => block.textContent.includes(KEY_PLACEHOLDER))
    .map((block) => [block, block.textContent]),
);

for (const button of findAll("[data-block] [data-copy]")) {
  const block = find("pre", button.parentElement);
  button.addEventListener("click", () => copyFrom(button, block.textContent));
}
for (const link of findAll("[data-address]")) {
  link.textContent = `${address}${link.dataset.address}`;
}
wireFill();
openSite(redraw).then(redraw);
redraw();
followReader();
fetchParts();

async function fetchParts() {
  try {
    const { Parts } = await import("./docparts.js");
    parts = new Parts(() => ({ address, key: plain ?? KEY_PLACEHOLDER }));
    parts.redraw();
    // What was asked for has moved down meanwhile.
    if (location.hash) find(`[id="${location.hash.slice(1)}"]`)?.scrollIntoView();
  } catch {
    find("#fill-text").textContent = word("error.offline");
  }
}

function redraw() {
  parts?.redraw();
  for (const [block, text] of templates) {
    block.textContent = text.replace(KEY_PLACEHOLDER, plain ?? KEY_PLACEHOLDER);
  }
  const answer = find("#answer-register");
  const message = `"message": "${word("docs.registered")}"`;
  answer.textContent = answer.textContent.replace(/"message": ".*"/, message);
  showFill();
}

function showFill() {
  const { user } = site;
  const text = find("#fill-text");
  find("#fill-login").hidden = user !== null;
  find("#fill").hidden = user === null || plain !== null || !user.api_key;
  find("#unfill").hidden = plain === null;
  if (user === null) text.textContent = word("docs.fill_guest");
  else {
    const said = plain === null ? "docs.fill_ready" : "docs.fill_done";
    text.textContent = word(said, { email: user.email, mask: user.api_key ?? "—" });
  }
}

function wireFill() {
  const open = ask(dialog, reveal);
  find("#fill").addEventListener("click", () => {
    find("#fill-email").value = site.user.email;
    open();
  });
  find("#unfill").addEventListener("click", () => {
    plain = null;
    redraw();
    find("#fill").focus();
  });
}

async function reveal() {
  const password = find("#fill-secret").value;
  plain = (await change("user", "reveal_key", { password })).api_key;
  redraw();
  return find("#unfill");
}

// The chapter being read is marked in the contents.
function followReader() {
  const links = new Map(findAll(".contents a").map((link) => [link.hash.slice(1), link]));
  const seen = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      const link = links.get(find("h2", target).id);
      if (isIntersecting) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  }, { rootMargin: "-25% 0px -75% 0px" });
  for (const chapter of findAll(".chapter")) seen.observe(chapter);
}
