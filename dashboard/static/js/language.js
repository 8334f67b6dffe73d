// Language: which one is spoken, and how a word reads in it. Every page has the words that
// all share; a page or a view teaches those that only it says.

import { WORDS as SHARED } from "./words/site.js";

const WORDS = { ...SHARED };

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

export function known(name) {
  return name in WORDS;
}

// A word of the server's, in ours; one we do not know stands for itself.
export function term(group, name) {
  const key = `${group}.${name}`;
  return key in WORDS ? word(key) : name;
}

// Takes in the words of a part of the pages that comes later.
export function learn(words) {
  Object.assign(WORDS, words);
}

// Text of the shipped configuration is Chinese: what the glossaries know of it is said in
// the language of the page, the operator's own words stay as they are.
export function translated(text) {
  const pair = Object.values(WORDS).find(([chinese]) => chinese === text);
  return pair ? pair[LANGUAGES.indexOf(current)] : text;
}

export function useOtherLanguage() {
  useLanguage(current === "zh" ? "en" : "zh");
}

// Nothing is: whichever the browser asks for. What this browser is not to keep lasts as
// long as the page.
export function useLanguage(wish, { keep = true } = {}) {
  current = wish || preferred();
  if (!keep) return;
  try {
    if (wish) localStorage.setItem(STORED, wish);
    else localStorage.removeItem(STORED);
  } catch {
    // Storage may be forbidden; the choice then lasts as long as the page.
  }
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
  return preferred();
}

function preferred() {
  const wished = navigator.languages.map((tag) => tag.slice(0, 2).toLowerCase());
  return wished.find((tag) => LANGUAGES.includes(tag)) ?? "zh";
}
