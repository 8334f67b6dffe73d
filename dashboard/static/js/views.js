// The views of the dashboard, each the section of its name and the module of its name,
// fetched when it is first opened. A view may have `open`, which is given the query of
// its address, `close`, and `redraw` for when the account or the language has changed.

import { find } from "./dom.js";
import { furnish, partOf } from "./parts.js";

const VIEWS = {
  overview: async () => (await import("./overview.js")).Overview,
  keys: async () => (await import("./keys.js")).Keys,
  topup: async () => (await import("./topup.js")).Topup,
  transactions: async () => (await import("./transactions.js")).Transactions,
  usage: async () => (await import("./usage.js")).Usage,
  playground: async () => (await import("./playground.js")).Playground,
  settings: async () => (await import("./settings.js")).Settings,
};

export class Views {
  constructor(account) {
    this.account = account;
    this.opened = new Map();
  }

  has(name) {
    return this.opened.has(name);
  }

  // The view of this name; throws where its module cannot be fetched.
  async view(name) {
    if (!this.opened.has(name)) {
      const section = find(`#${name}`);
      const [View, part] = await Promise.all([VIEWS[name](), partOf(section)]);
      if (!this.opened.has(name)) this.make(name, View, section, part);
    }
    return this.opened.get(name);
  }

  make(name, View, section, part) {
    furnish(section, part);
    const view = new View(this.account);
    this.opened.set(name, view);
    view.redraw?.();
  }

  redraw() {
    for (const view of this.opened.values()) view.redraw?.();
  }

  closeAllBut(name) {
    for (const [other, view] of this.opened) if (other !== name) view.close?.();
  }
}
