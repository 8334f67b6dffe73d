// Who a row is about, leading to what an operator can do for them.

import { make } from "./dom.js";

export function person(user) {
  if (!user) return "—";
  const href = `#users?id=${encodeURIComponent(user.id)}`;
  return make("a", { class: "wrap", href }, user.email);
}
