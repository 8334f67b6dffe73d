// Words: which language is spoken, and what a name reads in it. Markup and modules name
// words, only the glossaries spell them; each page brings those that it says.

const WORDS = {};

const LANGUAGES = ["zh", "en"];
const STORED = "autolist.language";

let current = choose();

export function language() {
  return current;
}

export function word(name, values = {}) {
  const pair = WORDS[name];
  if (!pair) return name;
  const text = pair[LANGUAGES.indexOf(current)];
  return text.replace(/\{(\w+)\}/g, (_, key) => values[key] ?? "");
}

// Each page brings the words that only it speaks.
export function addWords(more) {
  Object.assign(WORDS, more);
}

// Text of the shipped configuration is Chinese: what the glossary knows of it is said in
// the language of the page, the operator's own words stay as they are.
export function translated(text) {
  const pair = Object.values(WORDS).find(([chinese]) => chinese === text);
  return pair ? pair[LANGUAGES.indexOf(current)] : text;
}

export function known(name) {
  return name in WORDS;
}

export function useOtherLanguage() {
  useLanguage(current === "zh" ? "en" : "zh");
}

// Nothing is: whichever the browser asks for.
export function useLanguage(wish) {
  try {
    if (wish) localStorage.setItem(STORED, wish);
    else localStorage.removeItem(STORED);
  } catch {
    // Storage may be forbidden; the choice then lasts as long as the page.
  }
  current = wish || choose();
}

// Whether this browser was told a language before.
export function languageChosen() {
  try {
    return localStorage.getItem(STORED) !== null;
  } catch {
    return false;
  }
}

// Chosen before, else the first language of the browser that we speak, else Chinese.
function choose() {
  try {
    const stored = localStorage.getItem(STORED);
    if (LANGUAGES.includes(stored)) return stored;
  } catch {
    // As above.
  }
  const wished = navigator.languages.map((tag) => tag.slice(0, 2).toLowerCase());
  return wished.find((tag) => LANGUAGES.includes(tag)) ?? "zh";
}
