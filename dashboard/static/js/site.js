// What the public pages share: words, switches, the catalogue, and who is looking.

import { isMember, read, useToken } from "./api.js";
import { openPage } from "./page.js";

export const site = { user: null, role: null };

// Resolves when it is known whether somebody is signed in; nobody is no failure.
export async function openSite(redraw) {
  openPage(redraw);
  if (!isMember()) return;
  try {
    const me = await read("auth", "me");
    useToken(me);
    site.user = me.user;
    site.role = me.role;
  } catch {
    // The page is for everybody: it stays as a visitor sees it.
  }
}

export async function readModels() {
  return (await read("user", "models")).models;
}
