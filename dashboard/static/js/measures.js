// What usage is measured by. Amounts are whole numbers: nano-dollars, requests, tokens.
// `plot` is for the height of a bar only.

import { count, full, nano, ofNano, short } from "./money.js";

const TOKENS = ["input", "cache_read", "cache_write", "output"];

const counted = {
  show: (amount) => count(amount),
  full: (amount) => count(amount),
  plot: Number,
  tick: (number) => compact(number),
};

export const MEASURES = {
  cost: {
    of: (sums) => nano(sums.cost),
    show: (amount) => short(ofNano(amount)),
    full: (amount) => full(ofNano(amount)),
    plot: (amount) => Number(amount) / 1e9,
    tick: (number) => `$${trimmed(number)}`,
  },
  requests: { ...counted, of: (sums) => BigInt(sums.requests) },
  tokens: { ...counted, of: (sums) => BigInt(tokensOf(sums)) },
};

function tokensOf(sums) {
  return TOKENS.reduce((sum, meter) => sum + sums[meter], 0);
}

function compact(number) {
  if (number >= 1e6) return `${trimmed(number / 1e6)}M`;
  return number >= 1e4 ? `${trimmed(number / 1e3)}k` : String(number);
}

// Without what floating point leaves behind: 0.30000000000000004.
function trimmed(number) {
  return String(Number(number.toPrecision(6)));
}
