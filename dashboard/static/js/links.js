// Links from a figure to its reason.

import { make } from "./dom.js";
import { word } from "./words.js";

// Where the exact figures of a call are.
export function receiptLink(id) {
  return make("a", { href: `#transactions?${new URLSearchParams({ receipt: id })}` },
    word("play.receipt"));
}
