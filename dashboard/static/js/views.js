// The views of the dashboard, each the section of its name. A view may have `open`, which
// is given the query of its address, `close`, and `redraw` for when the account or the
// language has changed.

import { Keys } from "./keys.js";
import { Overview } from "./overview.js";
import { Topup } from "./topup.js";
import { Transactions } from "./transactions.js";

const VIEWS = {
  overview: Overview,
  keys: Keys,
  topup: Topup,
  transactions: Transactions,
};

export function openViews(account) {
  return new Map(Object.entries(VIEWS).map(([name, View]) => [name, new View(account)]));
}
