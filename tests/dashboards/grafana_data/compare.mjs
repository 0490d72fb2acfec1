// What Grafana's own library makes of panels and their frames, beside what the preview makes of them.
// Reads {cases: [{name, panel, frame}]} from standard input, and writes {asked, different: [{...}]} to standard output.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import * as preview from "./static/field.js";
import { scheme } from "./static/colours.js";
import { CALCS } from "./static/reduce.js";
import { KNOWN } from "./static/units.js";

// The library looks for a browser's language where formats are made.
Object.defineProperty(globalThis, "navigator", { value: { language: "en-US", languages: ["en-US"] }, configurable: true });
const require = createRequire(import.meta.url);
const grafana = require("@grafana/data");
const tinycolor = require("tinycolor2");
const chromatic = await import("d3-scale-chromatic");

const ODD = { NaN: NaN, "+Inf": Infinity, "-Inf": -Infinity };
const MOST = 300; // values of one field
const PROPERTIES = [
  ...["unit", "decimals", "min", "max", "fieldMinMax", "displayName", "noValue"],
  ...["color", "thresholds", "mappings", "links"],
];
// Grafana's panels bring these along; its library for fields does not know panels.
const COLOUR = { timeseries: "palette-classic", histogram: "palette-classic", "state-timeline": "continuous-GrYlRd" };

const registry = new grafana.FieldConfigOptionsRegistry(() =>
  PROPERTIES.map((id) => ({
    ...{ id, path: id, name: id, isCustom: false, settings: {}, process: (value) => value },
    shouldApply: (field) => !["decimals", "min", "max", "fieldMinMax"].includes(id) || field.type === "number",
  })),
);
const themes = Object.fromEntries(["dark", "light"].map((mode) => [mode, grafana.createTheme({ colors: { mode } })]));
const found = { asked: 0, different: [] };
const hex = (colour) => (colour ? tinycolor(colour).toHex8String() : colour);

function compare(where, theirs, ours) {
  found.asked += 1;
  if (theirs !== ours) found.different.push({ ...where, grafana: String(theirs), preview: String(ours) });
}

// Thresholds begin at minus infinity, which JSON does not have.
function configured({ type, fieldConfig = {} }) {
  const { defaults = {}, overrides = [] } = structuredClone(fieldConfig);
  const steps = [{ value: null, color: "green" }, { value: 80, color: "red" }];
  const whole = { color: { mode: COLOUR[type] || "thresholds" }, thresholds: { mode: "absolute", steps }, ...defaults };
  const all = [whole.thresholds, ...overrides.flatMap(({ properties }) => properties.filter(({ id }) => id === "thresholds").map(({ value }) => value))];
  for (const { steps: each } of all) each.forEach((step) => (step.value ??= -Infinity));
  return { defaults: whole, overrides };
}

function dataFrames(frame) {
  if (frame.columns.length) {
    const fields = frame.columns.map((name, i) => {
      const values = frame.rows.map((row) => (frame.numeric[i] && row[i] in ODD ? ODD[row[i]] : row[i]));
      return { name, type: frame.numeric[i] ? "number" : "string", values, config: {} };
    });
    return [{ refId: "A", fields, length: frame.rows.length }];
  }
  return frame.lines.map(({ name, ref, values, labels, odd }) => {
    const full = values.map((value, i) => (i in odd ? ODD[odd[i]] : value));
    const time = { name: "Time", type: "time", config: {}, values: full.map((_, i) => (frame.start_s + i * frame.step_s) * 1000) };
    const value = { name: "Value", type: "number", labels, values: full, config: { displayNameFromDS: name } };
    return { refId: ref, fields: [time, value], length: full.length };
  });
}

// The library keeps the run of colours of the theme that it was first asked for.
const runs = grafana.fieldColorModeRegistry.list().filter((mode) => mode.getNamedColors);

function panelCase({ name, panel, frame }) {
  const ours = preview.fields(panel, frame);
  for (const [mode, theme] of Object.entries(themes)) {
    for (const one of runs) one.interpolator = undefined;
    const fieldConfig = configured(panel);
    const given = { fieldConfig, replaceVariables: (text) => text, theme, timeZone: "browser", fieldConfigRegistry: registry };
    const data = grafana.applyFieldOverrides({ ...given, data: dataFrames(frame) });
    const theirs = data.flatMap((one) => one.fields.filter(({ type }) => type !== "time"));
    theirs.forEach((field, i) => fieldCase({ panel: name, field: ours[i].name, theme: mode }, field, ours[i], mode));
    // Cells of a heatmap have the colours of its scheme, and its rows none.
    const drawn = theirs.map((field, i) => [field, ours[i]]).filter(() => panel.type !== "heatmap");
    for (const [field, own] of drawn) seriesCase({ panel: name, field: own.name, theme: mode }, field, own, theme, mode);
    if (["stat", "gauge", "bargauge"].includes(panel.type)) figures(name, panel, { ...given, data }, ours, mode);
  }
}

function fieldCase(where, theirs, ours, mode) {
  for (const value of [...new Set(theirs.values)].slice(0, MOST).concat(null)) {
    const [want, got] = [theirs.display(value), preview.display(ours, value, mode)];
    const at = { ...where, value: String(value) };
    compare({ ...at, what: "text" }, grafana.formattedValueToString(want), preview.reads(ours, value, mode));
    compare({ ...at, what: "colour" }, hex(want.color), hex(got.colour));
  }
}

function seriesCase(where, theirs, ours, theme, mode) {
  if (theirs.type === "number")
    compare({ ...where, what: "series colour" }, hex(grafana.getFieldSeriesColor(theirs, theme).color), hex(preview.seriesColour(ours, mode)));
  const reducers = Object.keys(CALCS);
  const calcs = grafana.reduceField({ field: { ...theirs, state: {} }, reducers });
  for (const calc of theirs.type === "number" && theirs.values.length ? reducers : []) {
    if (calc === "median" && theirs.values.some(Number.isNaN)) continue; // there is no order with NaN
    compare({ ...where, what: calc }, calcs[calc] ?? null, CALCS[calc][1](ours.values));
    compare({ ...where, what: `name of ${calc}` }, grafana.fieldReducers.get(calc).name, CALCS[calc][0]);
  }
}

function figures(name, panel, given, ours, mode) {
  const { reduceOptions = { calcs: ["lastNotNull"] } } = panel.options || {};
  const theirs = grafana.getFieldDisplayValues({ ...given, reduceOptions });
  const shown = preview.figures(panel, ours, mode);
  compare({ panel: name, what: "figures" }, theirs.length, shown.length);
  theirs.forEach(({ display }, i) => {
    const where = { panel: name, field: shown[i]?.name, theme: mode };
    compare({ ...where, what: "figure" }, grafana.formattedValueToString(display), `${shown[i]?.prefix ?? ""}${shown[i]?.text}${shown[i]?.suffix ?? ""}`);
    compare({ ...where, what: "figure's colour" }, hex(display.color), hex(shown[i]?.colour));
  });
}

// Every unit that the preview knows, over magnitudes and with decimals.
function units() {
  const sizes = [0, 1, 2.5, 7, 9.999, 59, 60, 61, 90, 100, 999, 1000, 1024, 3599, 3600, 5400, 86399, 86400, 90061, 604800, 3e6, 4e7, 1e9, 1.5e12];
  const small = [1e-10, 1.5e-7, 2e-6, 0.00012, 0.00999, 0.05, 0.2, 0.25, 0.999];
  const numbers = [...sizes, ...small].flatMap((value) => [value, -value]).concat(Infinity, -Infinity);
  for (const unit of [...KNOWN, "suffix:x", "prefix:~", "furlongs"]) {
    if (unit === "dateTimeFromNow") continue;
    for (const decimals of [undefined, 0, 2]) {
      const field = { name: "x", type: "number", values: numbers, config: { unit, decimals, min: 0, max: 1 }, labels: {}, index: 0, range: { min: 0, max: 1 } };
      const theirs = grafana.getDisplayProcessor({ field, theme: themes.dark, timeZone: "browser" });
      for (const value of numbers) {
        if (unit.startsWith("dt") && !Number.isFinite(value)) continue; // the library itself does not end
        compare({ panel: "units", field: unit, decimals, value: String(value), what: "text" }, grafana.formattedValueToString(theirs(value)), preview.reads(field, value));
      }
    }
  }
  const now = Date.now();
  const field = { name: "x", type: "number", values: [], config: { unit: "dateTimeFromNow" }, labels: {}, index: 0, range: {} };
  const theirs = grafana.getDisplayProcessor({ field, theme: themes.dark });
  for (const s of [5, 30, 70, 100, 2000, 2900, 4000, 6000, 40000, 80000, 100000, 130000, 1e6, 2.4e6, 3e6, 6e6, 2e7, 3e7, 4e7, 6e7, -100, -4000])
    compare({ panel: "units", field: "dateTimeFromNow", value: s }, grafana.formattedValueToString(theirs(now - s * 1000)), preview.reads(field, now - s * 1000));
}

function schemes() {
  const names = "Blues Greens Greys Oranges Purples Reds BuGn BuPu GnBu OrRd PuBu RdPu YlGnBu YlGn YlOrBr YlOrRd Turbo".split(" ");
  for (const name of names) {
    const ours = scheme({ scheme: name, steps: 33 }, name === "Turbo" ? "dark" : "light");
    ours.forEach((colour, i) => compare({ panel: "schemes", field: name, value: i }, hex(chromatic[`interpolate${name}`](i / 32)), hex(colour)));
  }
}

const { cases, extras } = JSON.parse(readFileSync(0, "utf8"));
for (const one of cases) panelCase(one);
if (extras) {
  units();
  schemes();
}
process.stdout.write(JSON.stringify(found));
