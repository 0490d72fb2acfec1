// Values to text and colours, by the board's own settings: units, thresholds, names of states. No DOM.

const SI = [
  [1e12, "T"],
  [1e9, "G"],
  [1e6, "M"],
  [1e3, "k"],
];
const BINARY = [
  [2 ** 40, "TiB"],
  [2 ** 30, "GiB"],
  [2 ** 20, "MiB"],
  [1024, "KiB"],
];
const DECIMAL = [
  [1e12, "TB"],
  [1e9, "GB"],
  [1e6, "MB"],
  [1e3, "kB"],
];

function digits(value, most = 3) {
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size >= 1e15 || size < 1e-6) return value.toExponential(1);
  const whole = Math.floor(Math.log10(size)) + 1;
  const places = Math.max(0, Math.min(6, most - whole));
  const text = value.toFixed(places);
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

function scaled(value, steps, base) {
  const size = Math.abs(value);
  for (const [from, name] of steps) if (size >= from) return [digits(value / from), name];
  return [digits(value), base];
}

function seconds(value) {
  const size = Math.abs(value);
  if (size === 0) return ["0", "s"];
  if (size < 1e-3) return [digits(value * 1e6), "µs"];
  if (size < 1) return [digits(value * 1e3), "ms"];
  if (size < 120) return [digits(value), "s"];
  if (size < 7200) return [digits(value / 60), "min"];
  if (size < 172800) return [digits(value / 3600), "h"];
  return [digits(value / 86400), "d"];
}

function per(value, unit) {
  const [number, prefix] = scaled(value, SI, "");
  return [number, prefix + unit];
}

function rateOf([number, unit]) {
  return [number, unit + "/s"];
}

function when(ms) {
  return new Date(ms).toLocaleString(undefined, { dateStyle: "short", timeStyle: "short" });
}

const UNITS = {
  short: (v) => scaled(v, SI, ""),
  none: (v) => [digits(v, 6), ""],
  reqps: (v) => per(v, "req/s"),
  ops: (v) => per(v, "ops/s"),
  cps: (v) => per(v, "/s"),
  eps: (v) => per(v, "/s"),
  s: seconds,
  ms: (v) => seconds(v / 1e3),
  dtdurations: seconds,
  m: (v) => seconds(v * 60),
  h: (v) => seconds(v * 3600),
  d: (v) => seconds(v * 86400),
  bytes: (v) => scaled(v, BINARY, "B"),
  decbytes: (v) => scaled(v, DECIMAL, "B"),
  binBps: (v) => rateOf(scaled(v, BINARY, "B")),
  Bps: (v) => rateOf(scaled(v, DECIMAL, "B")),
  percent: (v) => [digits(v), "%"],
  percentunit: (v) => [digits(v * 100), "%"],
  dateTimeAsIso: (v) => [when(v), ""],
  dateTimeFromNow: (v) => [...seconds(Math.max(0, (Date.now() - v) / 1000)).slice(0, 1), "ago"],
};

// [number, unit] of a value; a gap is told as a dash.
export function parts(value, unit) {
  if (value === null || value === undefined || Number.isNaN(value)) return ["–", ""];
  return (UNITS[unit] || ((v) => [digits(v), unit && unit.startsWith("suffix:") ? unit.slice(7) : ""]))(
    value,
  );
}

export function text(value, unit) {
  const [number, name] = parts(value, unit);
  return name === "%" || !name ? number + name : `${number} ${name}`;
}

// The state that the panel's value mappings name, as {text, color}, or null.
export function state(value, mappings) {
  if (value === null || value === undefined) return null;
  for (const mapping of mappings || []) {
    if (mapping.type === "value" && String(value) in mapping.options) return mapping.options[String(value)];
    if (mapping.type === "range") {
      const { from, to, result } = mapping.options;
      if (
        (from === null || from === undefined || value >= from) &&
        (to === null || to === undefined || value <= to)
      )
        return result;
    }
  }
  return null;
}

export function thresholdColour(value, thresholds) {
  let found = "text";
  for (const step of (thresholds && thresholds.steps) || [])
    if (step.value === null || step.value === undefined || value >= step.value) found = step.color;
  return found;
}

const ORDER = ["teal", "blue", "orange", "purple", "green", "pink", "yellow", "sky", "lime", "red"];

// A colour as the canvas takes it: Grafana's names ("green", "semi-dark-red", "text") in the page's own shades.
export function colour(name) {
  if (/^#[0-9a-f]{3,8}$/i.test(name)) return name;
  const plain = name.replace(/^(?:super-light|light|semi-dark|dark)-/, "");
  const styles = getComputedStyle(document.documentElement);
  if (plain === "text") return styles.getPropertyValue("--text").trim();
  if (plain === "transparent") return "#0000";
  if (["gray", "grey"].includes(plain)) return styles.getPropertyValue("--faint").trim();
  return styles.getPropertyValue(`--c-${plain}`).trim() || styles.getPropertyValue("--c-blue").trim();
}

export function paletteColour(index) {
  return colour(ORDER[index % ORDER.length]);
}

export function theme(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

export function faded(hex, share) {
  const full = hex.length === 4 ? hex.replace(/[0-9a-f]/gi, (c) => c + c) : hex;
  return (
    full.slice(0, 7) +
    Math.round(share * 255)
      .toString(16)
      .padStart(2, "0")
  );
}

// The settings of one series: the panel's defaults with its overrides by name, /regex/ and query laid over them.
export function settings(fieldConfig, line) {
  const found = {
    ...(fieldConfig.defaults || {}),
    custom: { ...((fieldConfig.defaults || {}).custom || {}) },
  };
  for (const { matcher, properties } of fieldConfig.overrides || []) {
    if (!applies(matcher, line)) continue;
    for (const { id, value } of properties) {
      if (id.startsWith("custom.")) found.custom[id.slice(7)] = value;
      else found[id] = value;
    }
  }
  return found;
}

function applies(matcher, line) {
  if (matcher.id === "byName") return matcher.options === line.name;
  if (matcher.id === "byFrameRefID") return matcher.options === line.ref;
  if (matcher.id !== "byRegexp") return false;
  const [, pattern, flags] = /^\/(.*)\/([a-z]*)$/s.exec(matcher.options) || [null, matcher.options, ""];
  return new RegExp(pattern, flags).test(line.name);
}

export function lineColour(found, index) {
  if (found.color && found.color.mode === "fixed") return colour(found.color.fixedColor);
  return paletteColour(index);
}

export function last(values) {
  for (let i = values.length - 1; i >= 0; i--) if (values[i] !== null) return values[i];
  return null;
}

// The figures that a legend asks for.
export const CALCS = {
  last: ["Last", (v) => (v.length ? v[v.length - 1] : null)],
  lastNotNull: ["Last", last],
  mean: [
    "Mean",
    (v) => {
      const n = v.filter((x) => x !== null);
      return n.length ? n.reduce((a, b) => a + b, 0) / n.length : null;
    },
  ],
  max: ["Max", (v) => v.reduce((a, b) => (b !== null && (a === null || b > a) ? b : a), null)],
  min: ["Min", (v) => v.reduce((a, b) => (b !== null && (a === null || b < a) ? b : a), null)],
  sum: ["Total", (v) => v.reduce((a, b) => a + (b || 0), 0)],
};

const two = (n) => String(n).padStart(2, "0");

export function clock(s, withSeconds) {
  const d = new Date(s * 1000);
  return `${two(d.getHours())}:${two(d.getMinutes())}${withSeconds ? ":" + two(d.getSeconds()) : ""}`;
}

export function day(s) {
  const d = new Date(s * 1000);
  return `${two(d.getMonth() + 1)}-${two(d.getDate())}`;
}
