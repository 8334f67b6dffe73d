// Amounts as people read them. They arrive as exact decimal text and stay text: nothing
// here computes. Cut, never rounded up, so that nobody is shown more than there is.

const MINUS = "\u2212";
const CENTS = 2;

// "10.00" stays $10.00; "-0.0004213" becomes −$0.00042: two digits that say something.
export function short(exact, { sign = false } = {}) {
  const negative = exact.startsWith("-");
  const [whole, decimals = ""] = exact.replace("-", "").split(".");
  const zeros = /^0*/.exec(decimals)[0].length;
  const small = /^0+$/.test(whole) && zeros >= CENTS && zeros < decimals.length;
  const places = small ? zeros + CENTS : CENTS;
  const shown = `$${group(whole)}.${decimals.padEnd(places, "0").slice(0, places)}`;
  return prefix(negative, sign) + shown;
}

// A balance: always two decimals.
export function cents(exact) {
  const negative = exact.startsWith("-");
  const [whole, decimals = ""] = exact.replace("-", "").split(".");
  const shown = `$${group(whole)}.${decimals.padEnd(CENTS, "0").slice(0, CENTS)}`;
  return prefix(negative, false) + shown;
}

export function full(exact, { sign = false } = {}) {
  const negative = exact.startsWith("-");
  return `${prefix(negative, sign)}$${exact.replace("-", "")}`;
}

export function count(number) {
  return group(String(number));
}

function prefix(negative, sign) {
  if (negative) return MINUS;
  return sign ? "+" : "";
}

function group(whole) {
  return whole.replace(/\B(?=(\d{3})+$)/g, ",");
}
