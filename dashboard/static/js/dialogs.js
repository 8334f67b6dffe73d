// Dialogs that ask one thing: opens clean, stays open with the reason when the work
// fails, and gives the focus back to what opened it (the browser does that), or to what
// the work has made to go on with.

import { find, tell, whileBusy } from "./dom.js";

// Wires a dialog; the answer opens it. `work` may fail with a message to show, and may
// give the element to go on with.
export function ask(dialog, work) {
  const form = find("form", dialog);
  const notice = find("[data-notice]", dialog);
  const submit = find("[type=submit]", dialog);
  find("[data-cancel]", dialog).addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => form.reset());
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    await whileBusy(submit, async () => {
      try {
        const next = await work();
        dialog.close();
        next?.focus();
      } catch (failure) {
        if (failure.status === 401) location.reload();
        tell(notice, failure.message);
      }
    });
  });
  return () => {
    tell(notice, "");
    dialog.showModal();
    // The field that only password managers see would be the first one to be focused.
    find("input:not([tabindex])", form)?.focus();
  };
}
