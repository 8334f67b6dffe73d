// Amounts as people read them. They arrive as exact decimal text and stay text; sums are
// of whole nano-dollars, never of fractions. Cut, never rounded up, so that nobody is
// shown more than there is.

const MINUS = "\u2212";
const CENTS = 2;
const NANO_DIGITS = 9;
const PICO_DIGITS = 12;

// "10.00" stays $10.00; "-0.0004213" becomes −$0.00042, "0.0297" $0.029: two digits that
// say something.
export function short(exact, { sign = false } = {}) {
  const negative = exact.startsWith("-");
  const [whole, decimals = ""] = exact.replace("-", "").split(".");
  const zeros = /^0*/.exec(decimals)[0].length;
  const small = /^0+$/.test(whole) && zeros < decimals.length;
  const places = small ? Math.max(CENTS, Math.min(zeros + CENTS, decimals.length)) : CENTS;
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

// Exact text as whole nano-dollars, and back.
export function nano(exact) {
  const [whole, decimals = ""] = exact.split(".");
  return BigInt(whole + decimals.padEnd(NANO_DIGITS, "0"));
}

export function ofNano(amount) {
  return decimal(amount, NANO_DIGITS);
}

// Whole pico-dollars, as receipts have them, as exact text.
export function ofPico(text) {
  return decimal(BigInt(text), PICO_DIGITS);
}

function decimal(amount, digits) {
  const negative = amount < 0n;
  const all = String(negative ? -amount : amount).padStart(digits + 1, "0");
  const decimals = all.slice(-digits).replace(/0+$/, "").padEnd(CENTS, "0");
  return `${negative ? "-" : ""}${all.slice(0, -digits)}.${decimals}`;
}

function prefix(negative, sign) {
  if (negative) return MINUS;
  return sign ? "+" : "";
}

function group(whole) {
  return whole.replace(/\B(?=(\d{3})+$)/g, ",");
}
