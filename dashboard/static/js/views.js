// The views of the dashboard, each the section of its name and the module of its name,
// fetched when it is first opened. A view may have `open`, which is given the query of
// its address, `close`, and `redraw` for when the account or the language has changed.

const VIEWS = {
  overview: async () => (await import("./overview.js")).Overview,
  keys: async () => (await import("./keys.js")).Keys,
  topup: async () => (await import("./topup.js")).Topup,
  transactions: async () => (await import("./transactions.js")).Transactions,
  playground: async () => (await import("./playground.js")).Playground,
  settings: async () => (await import("./settings.js")).Settings,
};

export class Views {
  constructor(account) {
    this.account = account;
    this.opened = new Map();
  }

  // The view of this name; throws where its module cannot be fetched.
  async view(name) {
    if (!this.opened.has(name)) {
      const View = await VIEWS[name]();
      if (!this.opened.has(name)) this.make(name, View);
    }
    return this.opened.get(name);
  }

  make(name, View) {
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
