// A panel's legend as Grafana places it: a list or a table, below the chart or at its right.

import { anchor, cuttable, make, swatch } from "../dom.js";
import { tailLength } from "../grafana/cut.js";
import { reads } from "../grafana/field.js";
import { links } from "../grafana/links.js";
import { CALCS } from "../grafana/reduce.js";

const NARROW_PX = 420; // a panel on a phone, which Grafana has not

// The chart with its legend, in the places that the panel's options say; in a narrow panel below.
export function beside(chart, legend, panel, page) {
  const right = legend && panel.options?.legend?.placement === "right" && page.width >= NARROW_PX;
  const box = make("div", { class: right ? "beside right" : "beside" }, chart, legend);
  const { width } = panel.options?.legend || {};
  if (right && width) legend.style.width = `${width}px`;
  return box;
}

// One row or entry a series, which hides or shows it; `lines` are fields with {colour, hidden}. Null where it is off.
export function legend(panel, lines, page) {
  const { showLegend = true, displayMode = "list", calcs: asked = [] } = panel.options?.legend || {};
  if (!showLegend || displayMode === "hidden") return null;
  const shown = lines.filter((line) => !line.config.custom.hideFrom?.legend);
  const calcs = asked.filter((name) => CALCS[name]);
  const entries = ordered(shown, panel.options?.legend || {});
  const tail = tailLength(shown.map((line) => line.name));
  return displayMode === "table" ? table(entries, calcs, tail, page) : list(entries, calcs, tail, page);
}

function ordered(lines, { sortBy, sortDesc }) {
  const calc = Object.keys(CALCS).find((name) => CALCS[name][0] === sortBy);
  if (!sortBy || (!calc && sortBy !== "Name")) return lines;
  const key = (line) => (calc ? (CALCS[calc][1](line.values) ?? -Infinity) : line.name);
  return [...lines].sort((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0) * (sortDesc ? -1 : 1));
}

function figure(line, calc) {
  const plain = { ...line, config: { ...line.config, unit: "none", decimals: undefined, mappings: [] } };
  return reads(calc === "count" ? plain : line, CALCS[calc][1](line.values));
}

function toggle(line, tail, page) {
  return make(
    "button",
    {
      type: "button",
      "aria-pressed": String(!line.hidden),
      title: line.name,
      onclick: () => page.toggle(line.name),
    },
    swatch(line.colour),
    cuttable(line.name, tail),
  );
}

function ways(line, page) {
  const found = links(line, line.values.findLastIndex((value) => value !== null), [line], page.scope());
  return found.map((link) => anchor(link, make("span", { class: "go", "aria-hidden": "true" }, "↗"), hiddenText(link.title)));
}

const hiddenText = (text) => make("span", { class: "unseen" }, text);

function table(lines, calcs, tail, page) {
  const rows = lines.map((line) =>
    make(
      "tr",
      {},
      make("th", { scope: "row" }, make("div", {}, toggle(line, tail, page), ...ways(line, page))),
      ...calcs.map((calc) => make("td", {}, figure(line, calc))),
    ),
  );
  const head = [make("th", { scope: "col" }, "Name"), ...calcs.map((calc) => make("th", { scope: "col" }, CALCS[calc][0]))];
  return make(
    "div",
    { class: "legend" },
    make("table", {}, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows)),
  );
}

function list(lines, calcs, tail, page) {
  const entries = lines.map((line) => {
    const figures = calcs.map((calc) => make("span", { class: "figure" }, `${CALCS[calc][0]}: ${figure(line, calc)}`));
    return make("li", {}, toggle(line, tail, page), ...figures, ...ways(line, page));
  });
  return make("ul", { class: "legend list" }, ...entries);
}
