// A panel's frame to fields: what each series or column is called, how its values read, and in which colour, by the
// panel's settings and Grafana's rules. Pure: no DOM, so that a test compares it with Grafana's own library.

import { classic, continuous, named } from "./colours.js";
import { calcOf, least, most, reduced } from "./reduce.js";
import { DATES, joined, written } from "./units.js";

const ODD = { NaN: NaN, "+Inf": Infinity, "-Inf": -Infinity };
const LABEL = /\$\{__field\.labels\.([^}]+)\}/g;
const FALLBACK = "#808080"; // where neither the panel nor a mapping says a colour
// What a kind of panel has where its file says nothing.
const COLOUR = { timeseries: "palette-classic", histogram: "palette-classic", "state-timeline": "continuous-GrYlRd" };
const THRESHOLDS = { mode: "absolute", steps: [{ value: null, color: "green" }, { value: 80, color: "red" }] };

// The fields of a frame, in its order: {name, type, values, labels, ref, index, config, range}.
export function fields(panel, frame) {
  const found = frame.columns?.length ? columns(frame) : frame.lines.map(line);
  let shared = null; // the range of fields without one of their own: of all numbers, or of a first field that has one
  return found.map((field, index) => {
    const config = settings(completed(panel), field);
    const { min, max, fieldMinMax } = config;
    const whole = Number.isFinite(min) && Number.isFinite(max);
    const number = field.type === "number";
    if (whole) shared ||= { min, max };
    else if (number && !fieldMinMax) shared ||= spread(found.filter(({ type }) => type === "number"));
    const own = number && fieldMinMax ? spread([field]) : shared || {};
    const range = { min: min ?? own.min ?? null, max: max ?? own.max ?? null };
    return { ...field, index, config, range, name: called(config, field) };
  });
}

function called({ displayName }, { name, labels }) {
  return displayName ? displayName.replace(LABEL, (_, label) => labels[label] ?? "") : name;
}

function completed({ type, fieldConfig: { defaults = {}, overrides } = {} }) {
  const usual = { color: { mode: COLOUR[type] || "thresholds" }, thresholds: THRESHOLDS };
  return { defaults: { ...usual, ...defaults }, overrides };
}

function line({ name, ref, values, labels, odd }) {
  return { name, own: "Value", ref, labels: labels || {}, type: "number", values: revived(values, odd) };
}

function columns({ columns: names, rows, numeric }) {
  return names.map((name, i) => ({
    name,
    ref: "",
    labels: {},
    type: numeric[i] ? "number" : "string",
    values: rows.map((row) => (numeric[i] && row[i] in ODD ? ODD[row[i]] : row[i])),
  }));
}

function revived(values, odd) {
  const found = [...values];
  for (const [place, text] of Object.entries(odd || {})) found[place] = ODD[text];
  return found;
}

function spread(found) {
  const values = found.flatMap((field) => field.values);
  return { min: least(values), max: most(values) };
}

// The panel's defaults, with its overrides by name, /regex/, type and query laid over them.
export function settings({ defaults = {}, overrides = [] }, field) {
  const found = { ...defaults, custom: { ...defaults.custom } };
  if (field.type !== "number") for (const key of ["decimals", "min", "max", "fieldMinMax"]) delete found[key];
  for (const { matcher, properties } of overrides) {
    if (!applies(matcher, field)) continue;
    for (const { id, value } of properties) {
      const [target, key] = id.startsWith("custom.") ? [found.custom, id.slice(7)] : [found, id];
      if (value === null || value === undefined) delete target[key];
      else if (Array.isArray(value) && Array.isArray(target[key])) target[key] = [...value, ...target[key]];
      else target[key] = value;
    }
  }
  return found;
}

function applies({ id, options }, field) {
  if (id === "byName") return options === field.name || options === field.own;
  if (id === "byFrameRefID") return options === field.ref;
  if (id === "byType") return options === field.type;
  if (id === "byNames") return (options.names || []).includes(field.name) !== (options.mode === "exclude");
  return id === "byRegexp" && regex(options).test(field.name);
}

function regex(text) {
  const [, pattern, flags] = /^\/(.*)\/([a-z]*)$/s.exec(text) || [null, `^${text}$`, ""];
  return new RegExp(pattern, flags);
}

// How a value reads: {text, prefix, suffix, colour, share}. Numbers in a string take the unit, too.
export function display(field, value, theme) {
  const { config, type } = field;
  const unit = config.unit || (type === "string" ? "string" : "none");
  const number = unit === "string" ? NaN : asNumber(DATES.has(unit) && typeof value === "string" ? Date.parse(value) : value);
  const found = mapped(value, config.mappings) || {};
  let shown = { text: found.text };
  if (!Number.isNaN(number) && shown.text === undefined) shown = written(number, unit, config.decimals);
  if (shown.text === undefined) shown = { text: asText(value) || config.noValue || "" };
  const at = Number.isNaN(number) ? -Infinity : number;
  return { ...shown, number, share: share(field, at), colour: found.color ? named(found.color, theme) : coloured(field, at, theme) };
}

// The whole text of a value.
export function reads(field, value, theme = "dark") {
  return joined(display(field, value, theme));
}

function asText(value) {
  if (value === null || value === undefined) return "";
  return Object.is(value, -0) ? "-0" : String(value);
}

function asNumber(value) {
  if (typeof value === "number") return value;
  return value === null || value === undefined || value.trim() === "" ? NaN : Number(value);
}

// The mapping's {text, color} for a value; null where none names it.
function mapped(value, mappings) {
  for (const { type, options } of mappings || []) {
    const result = type === "value" ? exact(value, options) : MAPPED[type]?.(value, options);
    if (result) return result;
  }
  return null;
}

function exact(value, options) {
  const result = value === null || value === undefined ? null : options[value];
  return result ? { ...result, text: result.text ?? undefined } : null;
}

const isNull = (value) => value === null || value === undefined;
const SPECIAL = {
  null: isNull,
  nan: Number.isNaN,
  "null+nan": (value) => isNull(value) || Number.isNaN(value),
  true: (value) => value === "true",
  false: (value) => value === "false",
  empty: (value) => value === "",
};
const MAPPED = {
  range(value, { from, to, result }) {
    const number = parseFloat(value);
    return number >= (from ?? -Infinity) && number <= (to ?? Infinity) ? result : null;
  },
  regex(value, { pattern, result }) {
    if (typeof value !== "string" || !regex(pattern).test(value)) return null;
    return { ...result, text: result.text ? value.replace(regex(pattern), result.text) : undefined };
  },
  special: (value, { match, result }) => (SPECIAL[match]?.(value) ? result : null),
};

// Where in its range, 0 to 1, a number stands.
function share({ type, config, range }, number) {
  const { min, max } = type === "number" ? range : { min: config.min ?? 0, max: config.max ?? 100 };
  const found = number === -Infinity ? 0 : (number - min) / (max - min);
  return Number.isNaN(found) ? 0 : found;
}

function coloured(field, number, theme) {
  const { mode, fixedColor } = field.config.color || {};
  if (mode === "fixed" || mode === "shades") return named(fixedColor || FALLBACK, theme);
  if (mode === "palette-classic") return classic(field.index, theme);
  return continuous(mode, share(field, number), theme) || named(threshold(field, number).color, theme);
}

// The last threshold that the number has reached.
export function threshold(field, number) {
  const { mode, steps = [] } = field.config.thresholds || {};
  const at = mode === "percentage" ? 100 * share(field, number) : number;
  let found = steps[0] || { color: FALLBACK };
  for (const step of steps) if (at >= (step.value ?? -Infinity)) found = step;
  return found;
}

// The colour of a whole series: of its last value where colours go by value. Where it ends early, that of 0, as in Grafana.
export function seriesColour(field, theme) {
  const { mode } = field.config.color || {};
  const byValue = !["fixed", "shades", "palette-classic"].includes(mode);
  return coloured(field, byValue ? (field.values.at(-1) ?? 0) : 0, theme);
}

// What Grafana names the bands of thresholds, with their colours: "< 5", "5+".
export function thresholdItems(field, theme) {
  const { mode, steps = [] } = field.config.thresholds || {};
  const unit = mode === "percentage" ? "percent" : field.config.unit;
  return steps.map(({ value, color }, i) => {
    const base = value ?? -Infinity;
    const below = base === -Infinity && i < steps.length - 1;
    const text = joined(written(below ? steps[i + 1].value : base, unit, field.config.decimals));
    return { text: below ? `< ${text}` : `${text}+`, colour: named(color, theme) };
  });
}

// The large figures of a panel, {field, value, name, ...display}: one a series, or "no data" where there is none.
export function figures(panel, found, theme) {
  const { fields: which, limit = 25 } = panel.options?.reduceOptions || {};
  const wanted = found.filter((field) => (which ? regex(which).test(field.name) : field.type === "number"));
  const calc = calcOf(panel);
  const shown = wanted.slice(0, limit).map((field) => {
    const value = reduced(field.values, calc);
    return { field, value, name: field.name, ...display(field, value, theme) };
  });
  if (shown.length) return shown;
  const config = completed(panel).defaults;
  const nothing = { name: "", type: "other", values: [], index: 0, config, range: { min: config.min, max: config.max } };
  const { text, colour } = display(nothing, null, theme);
  return [{ field: nothing, value: null, name: "", text: text || "No data", colour, share: 0 }];
}
