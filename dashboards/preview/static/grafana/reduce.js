// The figures that Grafana makes of a series' values: of stats, of legends. Pure: no DOM.

const real = (values) => values.filter((value) => value !== null && !Number.isNaN(value));
const first = (values) => real(values)[0] ?? null;
const last = (values) => real(values).at(-1) ?? null;
const sum = (values) => real(values).reduce((a, b) => a + b, 0);
const least = (values) => real(values).reduce((a, b) => (a === null || b < a ? b : a), null);
const most = (values) => real(values).reduce((a, b) => (a === null || b > a ? b : a), null);
const mean = (values) => (real(values).length ? sum(values) / real(values).length : null);
const between = (low, high) => (low === null || high === null ? null : high - low);

function median(values) {
  const sorted = real(values).sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  if (!sorted.length) return null;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

// What a legend calls the figure, and the figure of a series' values.
export const CALCS = {
  lastNotNull: ["Last *", last],
  last: ["Last", (values) => values.at(-1) ?? null],
  firstNotNull: ["First *", first],
  first: ["First", (values) => values[0] ?? null],
  min: ["Min", least],
  max: ["Max", most],
  mean: ["Mean", mean],
  median: ["Median", median],
  sum: ["Total", sum],
  count: ["Count", (values) => values.filter((value) => value !== null).length],
  range: ["Range", (values) => between(least(values), most(values))],
  diff: ["Difference", (values) => between(first(values), last(values))],
};

// The figure `calc` of the values; null for a figure that this page does not know.
export function reduced(values, calc) {
  return CALCS[calc] ? CALCS[calc][1](values) : null;
}

// The one figure that a panel reduces its series to.
export function calcOf(panel) {
  return panel.options?.reduceOptions?.calcs?.[0] || "lastNotNull";
}

export { last, least, most };
