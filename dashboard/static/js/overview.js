// 概览: where the account stands, and the steps to a first call.

import { read } from "./api.js";
import { find } from "./dom.js";

export class Overview {
  constructor(account) {
    this.account = account;
  }

  async open() {
    try {
      const last = await read("user", "transactions", { limit: 20 });
      const charged = last.transactions.some((entry) => entry.request_id);
      find("#step-charge").classList.toggle("ticked", charged);
    } catch (failure) {
      // The steps stay as they are; the balance has its own way to say what is wrong.
      if (failure.status === 401) this.account.leave();
    }
  }
}
