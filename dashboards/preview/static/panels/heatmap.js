// A heatmap: a cell a step and bucket (or series), coloured by its value in a scheme of Grafana's.

import { base, names, timeAxis, times, tipLine, tooltip } from "../axes.js";
import { faded, make, themeName } from "../dom.js";
import { named, scheme } from "../grafana/colours.js";
import { joined, written } from "../grafana/units.js";
import { rowAt } from "./bands.js";

export function heatmap(body, panel, frame, page) {
  const { color = {}, yAxis = {}, cellGap = 1, filterValues = {}, legend = {} } = panel.options || {};
  const colours = color.mode === "opacity" ? shades(color) : scheme(color, themeName());
  if (!colours) {
    const text = `The preview does not have the colour scheme ${color.scheme}; Grafana does.`;
    body.replaceChildren(make("p", { class: "nothing" }, text));
    return null;
  }
  const rows = ordered(page.fields);
  const label = (row) => bound(row.name, yAxis);
  const seen = ({ le = -Infinity, ge = Infinity }) => (value) => value !== null && value > le && value < ge;
  const drawn = seen({ le: filterValues.le ?? 1e-9, ge: filterValues.ge });
  const all = rows.flatMap((row) => row.values.filter(drawn));
  const low = color.min ?? all.reduce((a, b) => Math.min(a, b), Infinity);
  const high = color.max ?? all.reduce((a, b) => Math.max(a, b), -Infinity);
  const cell = (value) => joined(written(value, panel.fieldConfig?.defaults?.unit || "short"));
  const chart = make("div", {
    class: "chart",
    role: "img",
    "aria-label": `${panel.title}, values over time, from ${cell(low)} to ${cell(high)}`,
  });
  const key = legend.show === false || !all.length ? null : scale(colours, cell(low), cell(high));
  body.replaceChildren(...[chart, key].filter(Boolean));
  const options = base(chart, frame, page, { regions: false });
  options.scales.y = { range: () => [0, Math.max(1, rows.length)] };
  options.axes = [timeAxis(), names(rows.map(label), chart)];
  options.series = [{}, { show: false }];
  options.hooks.draw.unshift((u) =>
    rows.forEach((row, place) =>
      row.values.forEach((value, i) => {
        if (!drawn(value)) return;
        const share = (value - low) / (high - low || 1);
        u.ctx.fillStyle = colours[Math.max(0, Math.min(colours.length - 1, Math.floor(colours.length * share)))];
        fill(u, frame, place, i, cellGap);
      }),
    ),
  );
  options.plugins = [
    tooltip(chart, (index, u) => {
      const row = rows[rowAt(u, rows.length)];
      return row && row.values[index] !== null ? [tipLine(null, label(row), cell(row.values[index]))] : null;
    }),
  ];
  return new uPlot(options, [times(frame), times(frame).map(() => null)], chart);
}

// The first row at the bottom; rows whose names are all numbers, such as codes, by their numbers.
function ordered(found) {
  const numbers = found.map((row) => asNumber(row.name));
  if (numbers.some(Number.isNaN)) return found;
  return [...found].sort((a, b) => asNumber(a.name) - asNumber(b.name));
}

function asNumber(name) {
  if (name === "+Inf") return Infinity;
  return name === "-Inf" ? -Infinity : name.trim() === "" ? NaN : Number(name);
}

// A row's name: with the axis' unit where it has one and the name is a number, be that a bound or a code.
function bound(name, { unit, decimals }) {
  const plain = !unit && (decimals === undefined || decimals === null);
  return plain || !Number.isFinite(asNumber(name)) ? name : joined(written(asNumber(name), unit || "short", decimals));
}

function shades({ fill: name = "dark-orange", steps = 128, exponent = 0.5, scale: kind }) {
  const power = kind === "linear" ? 1 : exponent;
  return Array.from({ length: steps }, (_, i) => faded(named(name, themeName()), (i / (steps - 1)) ** power));
}

function fill(u, frame, row, i, gap) {
  const ratio = window.devicePixelRatio || 1;
  const x = (place) => u.valToPos(Math.min(frame.start_s + place * frame.step_s, u.scales.x.max), "x", true);
  const high = u.valToPos(row + 1, "y", true);
  const tall = u.valToPos(row, "y", true) - high;
  u.ctx.fillRect(x(i), high, Math.max(1, x(i + 1) - x(i) - gap * ratio), Math.max(1, tall - gap * ratio));
}

function scale(colours, low, high) {
  const bar = make("span", { class: "ramp" });
  bar.style.background = `linear-gradient(90deg, ${colours.join(", ")})`;
  return make("div", { class: "keys" }, make("span", {}, low), bar, make("span", {}, high));
}
