// What a running answer has cost so far, about: its tokens are guessed from its text and
// priced as the catalogue says. The exact figures replace it when the answer has ended.
// Money is whole numbers; rates are in dollars per million tokens.

import { nano, ofNano } from "./money.js";

const NANO_DECIMALS = 9;
const MILLION = 1_000_000n;
// Chinese, Japanese and Korean have more than a token for two letters, others one for
// about four.
const WIDE = /[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef]/gu;
const WIDE_PER_TOKEN = 1.4;
const NARROW_PER_TOKEN = 4;

export function guessTokens(text) {
  const wide = text.match(WIDE)?.length ?? 0;
  return Math.ceil(wide / WIDE_PER_TOKEN + (text.length - wide) / NARROW_PER_TOKEN);
}

// Exact decimal text in dollars, rounded up to a nano-dollar as the ledger does.
export function costOf({ input: asked = "0", output: said = "0" }, input, output) {
  const cost = BigInt(input) * nano(asked) + BigInt(output) * nano(said);
  return ofNano((cost + MILLION - 1n) / MILLION);
}

// A JSON number of dollars, which has nine decimals at most, as text.
export function exactText(number) {
  return ofNano(nano(number.toFixed(NANO_DECIMALS)));
}
