// Tables: columns are named once, with how a cell of theirs is made.

import { make } from "./dom.js";
import { word } from "./language.js";

// A column is { head, cell, number?, code? }: `head` names a word, `cell(row)` gives text
// or an element. The first one names the row. The table scrolls inside its own frame.
export function sheet(caption, columns, rows) {
  const head = columns.map(({ head, number }) =>
    make("th", { scope: "col", ...classOf({ number }) }, word(head)),
  );
  const body = rows.map((row) =>
    make("tr", {}, ...columns.map((column, place) => cellOf(column, row, place === 0))),
  );
  const table = make("table", { class: "sheet" },
    make("caption", { class: "unseen" }, word(caption)),
    make("thead", {}, make("tr", {}, ...head)),
    make("tbody", {}, ...body),
  );
  const frame = { class: "frame", tabindex: "0", role: "group", "aria-label": word(caption) };
  return make("div", frame, table);
}

function cellOf(column, row, first) {
  const content = column.cell(row) ?? "—";
  const scope = first ? { scope: "row" } : {};
  const cell = make(first ? "th" : "td", { ...scope, ...classOf(column) });
  cell.append(...[column.code ? make("code", {}, content) : content].flat());
  if (column.title) cell.setAttribute("title", column.title(row) ?? "");
  return cell;
}

function classOf({ number, nowrap }) {
  const names = [number && "number", nowrap && "nowrap"].filter(Boolean);
  return names.length ? { class: names.join(" ") } : {};
}
