// Rows and columns as Grafana's table shows them: its order, its units, its coloured cells, its pages.

import { anchor, make, readableOn, themeName } from "../dom.js";
import { display } from "../grafana/field.js";
import { links } from "../grafana/links.js";
import { joined } from "../grafana/units.js";
import { paged } from "./pages.js";

const ROW_PX = { sm: 36, md: 42, lg: 48 };

export function table(body, panel, frame, page) {
  const { showHeader = true, cellHeight = "sm", footer = {} } = panel.options || {};
  const columns = page.fields.filter(({ config }) => !config.custom.hidden && !config.custom.hideFrom?.viz);
  const order = sortedRows(columns, frame.rows.length, page.sorted ? [page.sorted] : panel.options?.sortBy || []);
  const tall = ROW_PX[cellHeight] || ROW_PX.sm;
  const fits = Math.max(1, Math.floor((page.height - (showHeader ? tall : 0) - tall) / tall));
  const pages = panel.options?.enablePagination || footer.enablePagination;
  const { shown, pager } = paged(order, pages ? fits : Infinity, page);
  const head = make("tr", {}, ...columns.map((column) => heading(column, page, panel)));
  const rows = shown.map((row) => make("tr", {}, ...columns.map((column) => cell(column, row, page))));
  const box = make(
    "div",
    { class: "table", tabindex: "0", role: "region", "aria-label": panel.title, "--tall": `${tall}px` },
    make("table", {}, showHeader ? make("thead", {}, head) : null, make("tbody", {}, ...rows)),
  );
  body.replaceChildren(...[box, pager].filter(Boolean));
}

// The rows' places in the order of the first key, then of the next; empty cells last.
function sortedRows(columns, count, keys) {
  const found = keys
    .map((by) => ({ desc: by.desc, column: columns.find(({ name }) => name === (by.displayName || by.name)) }))
    .filter(({ column }) => column);
  const compared = (a, b, { column, desc }) => {
    const [left, right] = [column.values[a], column.values[b]];
    if (missing(left) || missing(right)) return missing(left) - missing(right);
    const words = () => String(left).localeCompare(String(right), undefined, { numeric: true });
    return (desc ? -1 : 1) * (column.type === "number" ? left - right : words());
  };
  const rows = Array.from({ length: count }, (_, i) => i);
  return rows.sort((a, b) => found.reduce((known, key) => known || compared(a, b, key), 0));
}

const missing = (value) => Number(value === null || value === undefined || Number.isNaN(value));

function aligned({ type, config }) {
  const { align = "auto" } = config.custom;
  return align === "auto" ? (type === "number" ? "right" : "left") : align;
}

// Headings stand as their columns do; a click sorts, as in Grafana: down, up, as it was.
function heading(column, page, panel) {
  const by = page.sorted || panel.options?.sortBy?.[0];
  const mine = by && (by.displayName || by.name) === column.name;
  const next = !mine ? { name: column.name, desc: false } : by.desc ? { name: "" } : { name: column.name, desc: true };
  const mark = mine ? make("span", { "aria-hidden": "true" }, by.desc ? " ↓" : " ↑") : null;
  const sort = make("button", { type: "button", title: `Sort by ${column.name}`, onclick: () => page.sort(next) }, column.name, mark);
  const { width, minWidth } = column.config.custom;
  return make(
    "th",
    {
      scope: "col",
      class: aligned(column),
      "aria-sort": mine ? (by.desc ? "descending" : "ascending") : null,
      "--width": width ? `${width}px` : minWidth ? `${minWidth}px` : null,
    },
    sort,
  );
}

function cell(column, row, page) {
  const value = column.values[row] ?? null;
  const shown = display(column, value, themeName());
  const { type = "auto", mode } = column.config.custom.cellOptions || {};
  const found = links(column, row, page.fields, page.scope());
  const text = joined(shown);
  const inside = found.length ? anchor(found[0], text) : text;
  const node = make("td", { class: aligned(column), title: text });
  if (type === "gauge" && !Number.isNaN(shown.number)) node.append(bar(shown, column, mode, text));
  else if (type === "pill" && text) node.append(pill(shown.colour, inside));
  else node.append(inside, ...found.slice(1).flatMap((link) => [" ", anchor(link)]));
  if (type === "color-text") node.style.color = shown.colour;
  if (type === "color-background" && shown.colour) {
    node.style.background = shown.colour;
    node.style.color = readableOn(shown.colour);
  }
  return node;
}

function pill(colour, inside) {
  const node = make("span", { class: "pill" }, inside);
  node.style.background = colour;
  node.style.color = readableOn(colour);
  return node;
}

function bar(shown, column, mode, text) {
  const { valueDisplayMode = "color" } = column.config.custom.cellOptions;
  const share = Math.max(0, Math.min(1, shown.share));
  const fill = make("span", { class: "fill", "--share": `${100 * share}%`, "--colour": shown.colour });
  const number = make("b", {}, valueDisplayMode === "hidden" ? "" : text);
  if (valueDisplayMode === "color") number.style.color = shown.colour;
  return make("span", { class: `bar ${mode || "gradient"}` }, make("span", { class: "track" }, fill), number);
}

