// What a running answer has cost so far, about: its tokens are guessed from its text and
// priced as the catalogue says. The exact figures replace it when the answer has ended.
// Money is whole numbers: a rate in dollars per million tokens is so many pico-dollars
// per token and a millionth.

const DECIMALS = 6;
const NANO_DECIMALS = 9;
const PICO_PER_NANO = 1000n;
// Chinese, Japanese and Korean have more than a token for two letters, others one for
// about four.
const WIDE = /[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef]/gu;
const WIDE_PER_TOKEN = 1.4;
const NARROW_PER_TOKEN = 4;

export function guessTokens(text) {
  const wide = text.match(WIDE)?.length ?? 0;
  return Math.ceil(wide / WIDE_PER_TOKEN + (text.length - wide) / NARROW_PER_TOKEN);
}

// Exact decimal text in dollars.
export function costOf(pricing, input, output) {
  const pico = BigInt(input) * rateOf(pricing.input) + BigInt(output) * rateOf(pricing.output);
  return nanoText((pico + PICO_PER_NANO - 1n) / PICO_PER_NANO);
}

function rateOf(text = "0") {
  const [whole, decimals = ""] = text.split(".");
  return BigInt(whole + decimals.padEnd(DECIMALS, "0").slice(0, DECIMALS));
}

function nanoText(nano) {
  const digits = String(nano).padStart(NANO_DECIMALS + 1, "0");
  return trimmed(digits.slice(0, -NANO_DECIMALS), digits.slice(-NANO_DECIMALS));
}

// A JSON number of dollars, which has nine decimals at most, as text.
export function exactText(number) {
  const [whole, decimals] = number.toFixed(NANO_DECIMALS).split(".");
  return trimmed(whole, decimals);
}

function trimmed(whole, decimals) {
  return `${whole}.${decimals.replace(/0+$/, "").padEnd(2, "0")}`;
}
