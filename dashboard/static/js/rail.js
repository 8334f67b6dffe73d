// The navigation: a rail on wide screens; on phones tabs, and a sheet with the rest.

import { find, findAll } from "./dom.js";

export function openRail() {
  const rail = find("#rail");
  const more = find("#more");
  const spread = (open) => more.setAttribute("aria-expanded", open);
  const isOpen = () => more.getAttribute("aria-expanded") === "true";

  more.addEventListener("click", () => spread(!isOpen()));
  rail.addEventListener("click", (event) => {
    if (event.target.closest("a")) spread(false);
  });
  document.addEventListener("click", (event) => {
    if (!rail.contains(event.target)) spread(false);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !isOpen()) return;
    spread(false);
    more.focus();
  });

  return {
    // Says which entry is open; on phones the sheet's button stands for its entries.
    mark(name) {
      for (const link of findAll("a", rail)) {
        if (link.hash === `#${name}`) link.setAttribute("aria-current", "page");
        else link.removeAttribute("aria-current");
      }
      more.classList.toggle("current", Boolean(find("#rail-rest [aria-current]")));
    },
  };
}
