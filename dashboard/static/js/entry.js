// Sign in and register: the same form twice. The page asked for before the sign-in is
// opened afterwards: its name is one of a table and its view is the fragment, so that
// neither can lead to another site.

import { change, member } from "./api.js";
import { find, tell, whileBusy } from "./dom.js";
import { word } from "./language.js";
import { openPage } from "./page.js";

const PAGES = { docs: "/public/docs.html", admin: "/public/admin.html" };
const DASHBOARD = "/public/dashboard.html";
const asked = new URLSearchParams(location.search).get("to");
const next = Object.hasOwn(PAGES, asked) ? PAGES[asked] : DASHBOARD;
const form = find("#entry");
const notice = find("#notice");
const email = find("#email");
const password = find("#password");
const see = find("#see");

openPage(showSee);
find("#other").search = location.search;
find("#other").hash = location.hash;
form.addEventListener("submit", enter);
see.addEventListener("click", () => {
  password.type = password.type === "password" ? "text" : "password";
  showSee();
});

async function enter(event) {
  event.preventDefault();
  tell(notice, "");
  mark(0);
  const fields = { email: email.value.trim(), password: password.value };
  await whileBusy(find("[type=submit]", form), async () => {
    try {
      await change("auth", form.dataset.action, fields);
      member(true);
      location.replace(`${next}${location.hash}`);
    } catch (failure) {
      tell(notice, failure.message);
      mark(failure.status);
    }
  });
}

// The server says what is wrong in words; the frame shows where, as far as it is known.
function mark(status) {
  const both = status === 401;
  const spelled = email.validity.valid;
  email.setAttribute("aria-invalid", both || status === 409 || (status === 400 && !spelled));
  password.setAttribute("aria-invalid", both || (status === 400 && spelled));
}

function showSee() {
  const seen = password.type === "text";
  see.textContent = word(seen ? "field.unsee" : "field.see");
  see.setAttribute("aria-pressed", seen);
}
