// What every page does: fill in the words, switch language and theme, copy.

import { find, findAll, make } from "./dom.js";
import { language, useOtherLanguage, word } from "./words.js";

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
    fillWords();
    for (const listener of listeners) listener();
  });
  find("#theme")?.addEventListener("click", switchTheme);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", tellOfTheme);
}

function fillWords() {
  document.documentElement.lang = language() === "zh" ? "zh-CN" : "en";
  for (const element of findAll("[data-word]")) {
    element.textContent = word(element.dataset.word);
  }
  for (const element of findAll("[data-word-label]")) {
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
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const shown = root.dataset.theme ?? (dark ? "dark" : "light");
  root.dataset.theme = shown === "dark" ? "light" : "dark";
  tellOfTheme();
  try {
    localStorage.setItem(THEME, root.dataset.theme);
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
