// What every page does: fill in the words, switch language and theme, copy.

import { find, findAll, make } from "./dom.js";
import { language, useLanguage, useOtherLanguage, word } from "./language.js";

const THEME = "autolist.theme";
const COPIED_MS = 1600;
const listeners = [];

// Fills the page and keeps the two switches working. `redraw` is called after each
// change of language, for what a page has written itself; whoever has painted with the
// colours of the theme hears `themechange` of the document.
export function openPage(redraw = () => {}) {
  listeners.push(redraw);
  useStoredTheme();
  fillWords();
  find("#language")?.addEventListener("click", () => {
    useOtherLanguage();
    refill();
  });
  find("#theme")?.addEventListener("click", switchTheme);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", tellOfTheme);
}

// "zh", "en", or nothing for whichever the browser asks for.
export function useLanguageOf(wish, options) {
  useLanguage(wish, options);
  refill();
}

function refill() {
  fillWords();
  for (const listener of listeners) listener();
}

export function fillWords(within = document) {
  document.documentElement.lang = language() === "zh" ? "zh-CN" : "en";
  for (const element of findAll("[data-word]", within)) {
    element.textContent = word(element.dataset.word);
  }
  for (const element of findAll("[data-word-label]", within)) {
    element.setAttribute("aria-label", word(element.dataset.wordLabel));
  }
}

function useStoredTheme() {
  try {
    const stored = localStorage.getItem(THEME);
    if (stored === "light" || stored === "dark") {
      document.documentElement.dataset.theme = stored;
    }
  } catch {
    // Storage may be forbidden; the system's theme is used.
  }
}

function switchTheme() {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const shown = chosenTheme() || (dark ? "dark" : "light");
  useTheme(shown === "dark" ? "light" : "dark");
}

// "light", "dark", or nothing for the system's.
export function chosenTheme() {
  return document.documentElement.dataset.theme ?? "";
}

export function useTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  tellOfTheme();
  try {
    if (theme) localStorage.setItem(THEME, theme);
    else localStorage.removeItem(THEME);
  } catch {
    // As above: the choice lasts as long as the page.
  }
}

function tellOfTheme() {
  document.dispatchEvent(new Event("themechange"));
}

// Copies and says so on the button that was pressed.
export async function copyFrom(button, text) {
  const copied = (await copyModern(text)) || copyOld(text);
  button.textContent = word(copied ? "copy.done" : "copy.failed");
  setTimeout(() => (button.textContent = word(button.dataset.word)), COPIED_MS);
}

async function copyModern(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

// The clipboard needs TLS or localhost; over plain HTTP the old way still works.
function copyOld(text) {
  const field = make("textarea", { class: "unseen", readonly: "" });
  field.value = text;
  document.body.append(field);
  field.select();
  const copied = document.execCommand("copy");
  field.remove();
  return copied;
}
