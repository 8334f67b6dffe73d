// Parts of the dashboard that are fetched when they are first opened. They are files of
// ours, as the dashboard itself: markup from anywhere else never comes this way.

import { fillWords } from "./page.js";

// What the section's file holds; nothing where it has all of itself already.
export async function partOf(section) {
  const address = section.dataset.part;
  if (!address) return null;
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
  return new DOMParser().parseFromString(await answer.text(), "text/html").body;
}

// To be called once the words of the part are known.
export function furnish(section, part) {
  if (!part) return;
  delete section.dataset.part;
  section.append(...part.childNodes);
  fillWords(section);
}
