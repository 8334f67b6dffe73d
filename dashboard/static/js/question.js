// A dialog made for one question: what will happen, a few fields, one button that does it.

import { ask } from "./dialogs.js";
import { make } from "./dom.js";
import { word } from "./language.js";

const REF_BYTES = 12;

// `fields` are { name, label, hint?, type?, value?, maximum? } with words for labels;
// `work(values)` does it and may fail with a message.
export function question({ heading, text, submit, fields = [], danger = false, work }) {
  const kind = danger ? "button danger primary" : "button primary";
  const inputs = fields.map((field) => ({ ...field, input: inputOf(field) }));
  const form = make("form", { method: "dialog", novalidate: "" },
    make("h2", { id: "question-heading" }, heading),
    make("p", { class: "muted" }, text),
    ...inputs.map(fieldOf),
    make("p", { class: "notice bad", role: "alert", "data-notice": "" }),
    make("div", { class: "row" },
      make("button", { class: "button", type: "button", "data-cancel": "" }, word("cancel.name")),
      make("button", { class: kind, type: "submit" }, submit)),
  );
  const dialog = make("dialog", { "aria-labelledby": "question-heading" }, form);
  document.body.append(dialog);
  const open = ask(dialog, () =>
    work(Object.fromEntries(inputs.map(({ name, input }) => [name, input.value.trim()]))),
  );
  // Closing resets the form first; then nothing is left of the dialog.
  dialog.addEventListener("close", () => dialog.remove());
  open();
}

// A name under which money moves once, however often the button is pressed.
export function newRef() {
  const bytes = crypto.getRandomValues(new Uint8Array(REF_BYTES));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function inputOf({ name, type = "text", value = "", maximum = 200, number }) {
  const input = make("input", {
    id: `question-${name}`,
    name,
    type,
    autocomplete: "off",
    maxlength: String(maximum),
    ...(number ? { inputmode: "decimal", class: "number" } : {}),
  });
  input.defaultValue = value;
  return input;
}

function fieldOf({ name, label, hint, input }) {
  const field = make("div", { class: "field" },
    make("label", { for: `question-${name}` }, word(label)), input);
  if (hint) field.append(make("span", { class: "hint" }, word(hint)));
  return field;
}
