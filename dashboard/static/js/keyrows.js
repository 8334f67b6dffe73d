// A key as a row of the table: what it is, what it spent, and what it may.

import { dayOf, when } from "./dates.js";
import { make } from "./dom.js";
import { count, full, short } from "./money.js";
import { word } from "./words.js";

const KIND = { active: "good", expired: "warn", revoked: "" };

export function rowOf(key, does) {
  const name = make("div", {}, make("code", {}, key.mask));
  if (key.label) name.prepend(make("strong", {}, key.label));
  const row = make("tr", { class: key.status === "revoked" ? "gone" : "" },
    make("td", { class: "key-name" }, name),
    cell("keys.created", when(key.created_at)),
    cell("keys.used", key.used_on ?? "—"),
    cell("keys.spent", spentOf(key)),
    cell("keys.limits", limitsOf(key)),
    cell("keys.status", statusOf(key)),
  );
  row.append(make("td", { class: "key-acts" },
    ...(key.status === "revoked" ? [] : actsOf(key, does))));
  return row;
}

function cell(name, ...children) {
  return make("td", { "data-label": word(name) }, ...children);
}

function statusOf(key) {
  return make("span", { class: `pill ${KIND[key.status]}` }, word(`status.${key.status}`));
}

// Both buttons say of which key they are.
function actsOf(key, does) {
  return ["edit", "revoke"].map((act) => {
    const label = `${word(`keys.${act}`)} ${key.label || key.mask}`;
    const kind = act === "revoke" ? "button plain danger" : "button plain";
    const button = make("button", { class: kind, type: "button", "aria-label": label },
      word(`keys.${act}`));
    button.addEventListener("click", does[act]);
    return button;
  });
}

// This month's, beside what a month may cost; any other cap below.
export function spentOf(key) {
  const spent = make("span", { class: "spent" }, amount(key.spent_month, key.limit_month));
  for (const [cap, used, name] of [
    [key.limit_day, key.spent_day, "keys.today"],
    [key.limit, key.spent, "keys.total"],
  ]) {
    if (cap !== null) {
      spent.append(make("small", { class: "muted" }, `${word(name)} `, amount(used, cap)));
    }
  }
  return spent;
}

function amount(spent, cap) {
  const shown = cap === null ? short(spent) : `${short(spent)} / ${short(cap)}`;
  const exact = cap === null ? full(spent) : `${full(spent)} / ${full(cap)}`;
  return make("span", { class: "number", title: exact }, shown);
}

export function limitsOf(key) {
  const parts = [];
  if (key.expires_at) parts.push(word("keys.until", { day: dayOf(key.expires_at) }));
  if (key.models) parts.push(key.models.join(", "));
  if (key.cidrs) parts.push(word("keys.networks", { count: key.cidrs.length }));
  for (const name of ["rpm", "tpm", "concurrency"]) {
    if (key[name]) parts.push(word(`short.${name}`, { count: count(key[name]) }));
  }
  return parts.length ? parts.join(" · ") : word("limits.none");
}

// What would stop working if the key did.
export function traffic(key) {
  if (key.requests_day === 0) return word("traffic.none");
  return word("traffic.some", { count: count(key.requests_day) });
}
