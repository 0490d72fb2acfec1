// A number and its unit as Grafana writes them. Pure: no DOM, so that a test compares it with Grafana's own library.

const SHORT = ["", " K", " Mil", " Bil", " Tri", " Quadr", " Quint", " Sext", " Sept"];
const COUNT = ["", "K", "M", "B", "T"];
const SI = ["f", "p", "n", "µ", "m", "", "k", "M", "G", "T", "P", "E", "Z", "Y"];
const BINARY = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"];
const PLURAL = new Set([" min", " hour", " day", " week", " year"]);

// The number with `decimals` places, or with as many as show three digits.
export function digits(value, decimals) {
  if (!Number.isFinite(value)) return value.toLocaleString();
  const power = () => Math.floor(Math.log(Math.abs(value)) / Math.LN10);
  const places = decimals ?? (value % 1 === 0 ? 0 : Math.max(0, 2 - power()));
  if (value === 0) return value.toFixed(places);
  const factor = 10 ** places;
  const text = String(Math.round(value * factor) / factor);
  if (text.includes("e")) return text;
  const missing = places - (text.split(".")[1] || "").length;
  return missing > 0 ? text + (text.includes(".") ? "" : ".") + "0".repeat(missing) : text;
}

const within = (low, value, high) => Math.max(low, Math.min(value, high));

// The number divided by the largest power of `base` that fits; `offset` is where in `names` the bare unit stands.
function scaled(base, names, offset = 0) {
  return (value, decimals) => {
    if (!Number.isFinite(value)) return { text: digits(value) };
    const power = value === 0 ? 0 : Math.floor(Math.log10(Math.abs(value)) / Math.log10(base));
    const kept = within(-offset, power, names.length - offset - 1);
    return { text: digits(value / base ** kept, decimals), suffix: names[offset + kept] };
  };
}

const si = (unit, offset = 0) =>
  scaled(
    1000,
    SI.map((prefix) => ` ${prefix}${unit}`),
    5 + offset,
  );
const binary = (unit, offset = 0) =>
  scaled(
    1024,
    BINARY.map((prefix) => ` ${prefix}${unit}`),
    offset,
  );
const count = (unit) => {
  const number = scaled(1000, COUNT);
  return (value, decimals) => {
    const { text, suffix } = number(value, decimals);
    return { text, suffix: `${suffix} ${unit}` };
  };
};
const fixed = (unit, factor = 1) => (value, decimals) => ({
  text: digits(factor * value, decimals),
  suffix: unit,
});

// Steps of [below this size, the number in the step's unit, the unit]; the first unit is never in the plural.
function ladder(steps, plain = steps[0][2]) {
  return (value, decimals) => {
    const size = Math.abs(value);
    const [, convert, unit] = steps.find(([below]) => size < below) || steps[steps.length - 1];
    const number = convert(value);
    const plural = unit !== plain && PLURAL.has(unit) && Math.abs(number) > 1;
    return { text: digits(number, decimals), suffix: plural ? `${unit}s` : unit };
  };
}

const over = (divisor) => (value) => value / divisor;
const times = (factor) => (value) => value * factor;
const LONG = [
  [3600, over(60), " min"],
  [86400, over(3600), " hour"],
  [604800, over(86400), " day"],
];
const SOME_SECONDS = ladder([
  [1e-6, times(1e9), " ns"],
  [1e-3, times(1e6), " µs"],
  [1, times(1e3), " ms"],
  [60, over(1), " s"],
  ...LONG,
  [31536000, over(604800), " week"],
  [Infinity, over(31556900), " year"],
]);
const SECONDS = (value, decimals) => (value === 0 ? { text: "0", suffix: " s" } : SOME_SECONDS(value, decimals));
const MILLISECONDS = ladder([
  [1e3, over(1), " ms"],
  [6e4, over(1e3), " s"],
  [3.6e6, over(6e4), " min"],
  [8.64e7, over(3.6e6), " hour"],
  [3.1536e10, over(8.64e7), " day"],
  [Infinity, over(3.1536e10), " year"],
]);
const MINUTES = ladder([
  [60, over(1), " min"],
  [1440, over(60), " hour"],
  [10080, over(1440), " day"],
  [604800, over(10080), " week"],
  [Infinity, over(525948), " year"],
]);
const HOURS = ladder([
  [24, over(1), " hour"],
  [168, over(24), " day"],
  [8760, over(168), " week"],
  [Infinity, over(8760), " year"],
]);
const DAYS = ladder(
  [
    [7, over(1), " day"],
    [365, over(7), " week"],
    [Infinity, over(365), " year"],
  ],
  null,
);

const PARTS = [
  ["year", 31536000],
  ["month", 2592000],
  ["week", 604800],
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
  ["second", 1],
  ["millisecond", 0.001],
];

// "1 hour, 5 minutes": the largest part that fits, and `decimals` more.
function duration(unit, factor) {
  return function words(value, decimals) {
    if (value === 0) return { text: "0", suffix: ` ${unit}s` };
    if (value < 0) return { text: words(-value, decimals).text, suffix: " ago" };
    let rest = value * factor * 1000;
    const found = [];
    for (const [name, s] of PARTS) {
      const amount = rest / (s * 1000);
      if (found.length > (decimals ?? 0) || (amount < 1 && !found.length)) continue;
      const whole = Math.floor(amount);
      found.push(`${whole} ${name}${whole === 1 ? "" : "s"}`);
      rest %= s * 1000;
    }
    return { text: found.join(", ") };
  };
}

const two = (number) => String(number).padStart(2, "0");

function clock(days) {
  return function hms(value) {
    if (value < 0) return { text: hms(-value).text, suffix: " ago" };
    const whole = days ? Math.floor(value / 86400) : 0;
    const s = value - whole * 86400;
    const text = [s / 3600, (s % 3600) / 60, s % 60].map((part) => two(Math.floor(part))).join(":");
    return { text: whole ? `${whole} d ${text}` : text };
  };
}

export function isoTime(ms) {
  const at = new Date(ms);
  if (Number.isNaN(at.getTime())) return "Invalid date";
  const date = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${date} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

// [up to this many, of seconds, what it is called]
const AGES = [
  [44, 1, () => "a few seconds"],
  [89, 1, () => "a minute"],
  [44, 60, (n) => `${n} minutes`],
  [89, 60, () => "an hour"],
  [21, 3600, (n) => `${n} hours`],
  [1, 86400, () => "a day"],
  [25, 86400, (n) => `${n} days`],
  [1, 2629746, () => "a month"],
  [10, 2629746, (n) => `${n} months`],
  [1, 31556952, () => "a year"],
  [Infinity, 31556952, (n) => `${n} years`],
];

export function fromNow(ms, now = Date.now()) {
  const s = Math.abs(now - ms) / 1000;
  const [, unit, words] = AGES.find(([most, size]) => Math.round(s / size) <= most) || AGES[AGES.length - 1];
  const said = words(Math.round(s / unit));
  return ms > now ? `in ${said}` : `${said} ago`;
}

const UNITS = {
  none: (value, decimals) => ({ text: digits(value, decimals) }),
  string: (value) => ({ text: String(value) }),
  short: scaled(1000, SHORT),
  sishort: si(""),
  locale: (value, decimals) => ({
    text: value.toLocaleString(undefined, { maximumFractionDigits: decimals ?? undefined }),
  }),
  percent: fixed("%"),
  percentunit: fixed("%", 100),
  cps: count("c/s"),
  ops: count("ops/s"),
  reqps: count("req/s"),
  rps: count("rd/s"),
  wps: count("wr/s"),
  iops: count("io/s"),
  eps: count("evt/s"),
  mps: count("msg/s"),
  recps: count("rec/s"),
  cpm: count("c/m"),
  opm: count("ops/m"),
  reqpm: count("req/m"),
  epm: count("evts/m"),
  mpm: count("msgs/m"),
  hertz: si("Hz"),
  ms: MILLISECONDS,
  s: SECONDS,
  m: MINUTES,
  h: HOURS,
  d: DAYS,
  dtdurations: duration("second", 1),
  dtdurationms: duration("millisecond", 0.001),
  dthms: clock(false),
  dtdhms: clock(true),
  bytes: binary("B"),
  decbytes: si("B"),
  bits: binary("b"),
  decbits: si("b"),
  kbytes: binary("B", 1),
  mbytes: binary("B", 2),
  gbytes: binary("B", 3),
  binBps: binary("B/s"),
  Bps: si("B/s"),
  binbps: binary("b/s"),
  bps: si("b/s"),
  dateTimeAsIso: (value) => ({ text: isoTime(value) }),
  dateTimeFromNow: (value) => ({ text: fromNow(value) }),
};

export const KNOWN = Object.keys(UNITS);
export const DATES = new Set(["dateTimeAsIso", "dateTimeFromNow"]);

// Whether this page writes the unit as Grafana does; one that Grafana does not know is a suffix there, too.
export function known(unit) {
  return !unit || unit in UNITS || /^(suffix|prefix):/.test(unit);
}

// {text, prefix, suffix} of a number.
export function written(value, unit, decimals) {
  const [kind, name] = /^(suffix|prefix):(.*)$/s.exec(unit || "")?.slice(1) || [];
  if (kind === "prefix") return { text: digits(value, decimals), prefix: name };
  if (kind === "suffix") return { text: digits(value, decimals), suffix: ` ${name}` };
  return (UNITS[unit || "none"] || fixed(` ${unit}`))(value, decimals);
}

export function joined({ prefix = "", text, suffix = "" }) {
  return `${prefix}${text}${suffix}`;
}
