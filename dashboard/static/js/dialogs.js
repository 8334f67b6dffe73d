// Dialogs that ask one thing: opens clean, stays open with the reason when the work
// fails, and gives the focus back to what opened it (the browser does that).

import { find, tell, whileBusy } from "./dom.js";

// Wires a dialog; the answer opens it. `work` may fail with a message to show.
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
