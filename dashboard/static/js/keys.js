// 令牌管理: the current key masked, shown after the password, replaced after a question.
// The plain key lives in this object only, and only until the view is left.

import { change } from "./api.js";
import { find, tell, whileBusy } from "./dom.js";
import { copyFrom } from "./page.js";
import { word } from "./words.js";

export class Keys {
  constructor(account) {
    this.account = account;
    this.plain = null;
    this.text = find("#key-text");
    this.notice = find("#key-notice");
    this.copy = find("#key-copy");
    this.fresh = false;
    this.copy.addEventListener("click", () => copyFrom(this.copy, this.plain));
    find("#key-hide").addEventListener("click", () => this.conceal());
    this.askReveal = ask(find("#reveal-dialog"), () => this.reveal());
    this.askRegenerate = ask(find("#regenerate-dialog"), () => this.regenerate());
    find("#key-reveal").addEventListener("click", this.askReveal);
    find("#key-regenerate").addEventListener("click", this.askRegenerate);
  }

  redraw() {
    const masked = this.account.profile.user.api_key;
    this.text.textContent = this.plain ?? masked ?? word("keys.none");
    this.copy.hidden = !this.plain;
    find("#key-hide").hidden = !this.plain;
    find("#key-reveal").hidden = Boolean(this.plain) || !masked;
    tell(this.notice, this.fresh ? word("keys.fresh") : "", "good");
  }

  close() {
    this.conceal();
  }

  conceal() {
    this.show(null, false);
  }

  show(plain, fresh) {
    this.plain = plain;
    this.fresh = fresh;
    this.account.key = plain;
    this.account.drawCurl();
    this.copy.textContent = word("copy.name");
    if (this.account.profile) this.redraw();
  }

  async reveal() {
    const password = find("#reveal-password").value;
    const answer = await change("user", "reveal_key", { password });
    this.show(answer.api_key, false);
    this.copy.focus();
  }

  async regenerate() {
    const answer = await change("user", "regenerate_key");
    this.show(answer.api_key, true);
    this.account.keyChanged(answer.masked);
    this.copy.focus();
  }
}

// Wires a dialog: opens empty, stays open with the reason when the work fails.
function ask(dialog, work) {
  const form = find("form", dialog);
  const notice = find("[data-notice]", dialog);
  const submit = find("[type=submit]", dialog);
  find("[data-cancel]", dialog).addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => form.reset());
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    await whileBusy(submit, async () => {
      try {
        await work();
        dialog.close();
      } catch (failure) {
        if (failure.status === 401) location.reload();
        tell(notice, failure.message);
      }
    });
  });
  return () => {
    tell(notice, "");
    dialog.showModal();
  };
}
