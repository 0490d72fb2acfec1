// Lines, or stacked areas, over time, with a legend table whose rows switch series on and off.

import { base, timeAxis, times, tooltip, valueAxis } from "../axes.js";
import { make, swatch } from "../dom.js";
import { CALCS, faded, lineColour, settings, text } from "../format.js";

export function draw(body, panel, frame, page) {
  const lines = frame.lines.map((line, i) => {
    const found = settings(panel.fieldConfig, line);
    return { ...line, found, colour: lineColour(found, i), hidden: page.hidden.has(line.name) };
  });
  const chart = make("div", { class: "chart", role: "img", "aria-label": spoken(panel, lines) });
  body.replaceChildren(chart, legend(panel, lines, page));
  const stacked = lines.some((line) => (line.found.custom.stacking || {}).mode === "normal");
  const shown = lines.filter((line) => !line.hidden);
  const options = base(chart, frame, page.zoom);
  const unit = panel.fieldConfig.defaults.unit;
  const data = stacked ? heaped(shown) : shown.map((line) => line.values);
  options.scales.y = { range: (_, low, high) => reach(low, high, panel.fieldConfig.defaults, data) };
  options.axes = [timeAxis(), valueAxis((v) => text(v, unit), unit)];
  options.series = [{}, ...shown.map((line) => stroke(line, stacked, shown.length))];
  if (stacked) options.bands = shown.slice(1).map((_, i) => ({ series: [i + 2, i + 1] }));
  options.plugins = [tooltip(chart, (index) => hover(shown, index, unit))];
  return new uPlot(options, [times(frame), ...data], chart);
}

function stroke(line, stacked, among) {
  const { lineWidth = 1.5, fillOpacity = 0, lineStyle, drawStyle } = line.found.custom;
  const fill = stacked
    ? faded(line.colour, 0.55)
    : fillOpacity
      ? falling(line.colour, fillOpacity / 100 / among)
      : undefined;
  return {
    label: line.name,
    stroke: line.colour,
    width: lineWidth,
    fill,
    dash: lineStyle && lineStyle.fill === "dash" ? lineStyle.dash || [8, 6] : undefined,
    points: { show: lineAlone(line.values) },
    spanGaps: false,
    ...(drawStyle === "bars" ? { paths: uPlot.paths.bars({ size: [0.8, 40] }) } : {}),
  };
}

// A single sample between gaps has no line to be on: show it as a point.
function lineAlone(values) {
  const set = values.filter((v) => v !== null).length;
  return set > 0 && set <= 2;
}

function falling(colour, share) {
  return (u) => {
    const fill = u.ctx.createLinearGradient(0, u.bbox.top, 0, u.bbox.top + u.bbox.height);
    fill.addColorStop(0, faded(colour, Math.min(1, share * 2.6)));
    fill.addColorStop(1, faded(colour, 0));
    return fill;
  };
}

function heaped(lines) {
  const sums = [];
  let below = lines.length ? lines[0].values.map(() => 0) : [];
  for (const line of lines) {
    below = below.map((b, i) => b + (line.values[i] || 0));
    sums.push(below.map((b, i) => (lines.every((one) => one.values[i] === null) ? null : b)));
  }
  return sums;
}

// A stable axis: from zero unless the data goes below, and never thinner than its own noise.
function reach(low, high, defaults, data) {
  const { min, max, custom = {} } = defaults;
  if (low === null || high === null || !data.length) return [0, 1];
  let from = min ?? (custom.axisSoftMin !== undefined ? Math.min(low, custom.axisSoftMin) : low);
  let to = max ?? high;
  if (to <= from) to = from + (from === 0 ? 1 : Math.abs(from) * 0.1);
  const [rounded, top] = uPlot.rangeNum(from, to, 0.08, true);
  return [from === 0 ? 0 : (min ?? rounded), max ?? top];
}

function hover(lines, index, unit) {
  const here = lines.filter((line) => line.values[index] !== null && line.values[index] !== undefined);
  here.sort((a, b) => b.values[index] - a.values[index]);
  if (!here.length) return null;
  const rows = here
    .slice(0, 12)
    .map((line) =>
      make(
        "div",
        { class: "line" },
        swatch(line.colour),
        make("span", {}, line.name),
        make("b", {}, text(line.values[index], line.found.unit || unit)),
      ),
    );
  if (here.length > 12) rows.push(make("div", { class: "when" }, `and ${here.length - 12} more`));
  return rows;
}

function legend(panel, lines, page) {
  const asked = (panel.options.legend && panel.options.legend.calcs) || [];
  const calcs = asked.map((name) => CALCS[name]).filter(Boolean);
  const rows = lines.map((line) => {
    const toggle = make(
      "button",
      {
        type: "button",
        "aria-pressed": String(!line.hidden),
        title: line.name,
        onclick: () => page.toggle(line.name),
      },
      swatch(line.colour),
      make("span", {}, line.name),
    );
    const figures = calcs.map(([, calc]) => make("td", {}, text(calc(line.values), line.found.unit)));
    return make("tr", {}, make("th", { scope: "row" }, toggle), ...figures);
  });
  const head = make(
    "tr",
    {},
    make("th", { scope: "col" }, "Series"),
    ...calcs.map(([name]) => make("th", { scope: "col" }, name)),
  );
  return make(
    "div",
    { class: "legend" },
    make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows)),
  );
}

function spoken(panel, lines) {
  const told = lines
    .slice(0, 8)
    .map((line) => `${line.name} ${text(CALCS.lastNotNull[1](line.values), line.found.unit)}`);
  return `${panel.title}, over time. Last values: ${told.join("; ")}`;
}
