// State timeline (runs of one state as one band), status history (a cell a step), heatmap (a cell a step and bucket).

import { base, names, timeAxis, times, tooltip } from "../axes.js";
import { make, swatch } from "../dom.js";
import { colour, faded, last, settings, state, text, theme, thresholdColour } from "../format.js";

export function timeline(body, panel, frame, page) {
  return bands(body, panel, frame, page, runs);
}

export function history(body, panel, frame, page) {
  return bands(body, panel, frame, page, cells);
}

function bands(body, panel, frame, page, cut) {
  const lines = frame.lines.map((line) => ({ ...line, found: settings(panel.fieldConfig, line) })).reverse(); // the first on top
  const told = lines.map((line) => `${line.name} ${named(last(line.values), line.found).text}`);
  const { chart, options } = rows(
    body,
    frame,
    page,
    lines.map((line) => line.name),
    `${panel.title}, over time: ${told.slice(0, 12).join("; ")}`,
    keys(lines),
  );
  const gap = cut === cells ? 1 : 0;
  options.hooks.draw = [
    (u) =>
      lines.forEach((line, row) => {
        for (const [from, to, value] of cut(line.values))
          paint(u, frame, [row, from, to, gap], named(value, line.found), cut === runs);
      }),
  ];
  options.plugins = [
    tooltip(chart, (index, u) => {
      const line = lines[rowAt(u, lines.length)];
      if (!line || line.values[index] === null) return null;
      const here = named(line.values[index], line.found);
      return [
        make(
          "div",
          { class: "line" },
          swatch(here.colour),
          make("span", {}, line.name),
          make("b", {}, here.text),
        ),
      ];
    }),
  ];
  return new uPlot(options, [times(frame), times(frame).map(() => null)], chart);
}

export function heatmap(body, panel, frame, page) {
  const buckets = (panel.targets || []).some((target) => target.format === "heatmap");
  const unit = panel.options.yAxis && panel.options.yAxis.unit;
  const bound = (name) => (!buckets ? name : name === "+Inf" ? "∞" : text(Number(name), unit));
  const used = trimmed(frame.lines);
  const most = Math.max(0, ...used.flatMap((line) => line.values.filter((v) => v !== null)));
  const { chart, options } = rows(
    body,
    frame,
    page,
    used.map((line) => bound(line.name)),
    `${panel.title}, counts over time; the largest is ${text(most, "short")}`,
    scaleKey(most),
  );
  options.hooks.draw = [
    (u) =>
      used.forEach((line, row) =>
        line.values.forEach((value, i) => {
          if (value !== null && value > 1e-9)
            paint(u, frame, [row, i, i + 1, 0.5], { colour: warmth(Math.sqrt(value / most)) }, false);
        }),
      ),
  ];
  options.plugins = [
    tooltip(chart, (index, u) => {
      const line = used[rowAt(u, used.length)];
      if (!line || !line.values[index]) return null;
      return [
        make(
          "div",
          { class: "line" },
          make("span", {}, buckets ? `up to ${bound(line.name)}` : line.name),
          make("b", {}, text(line.values[index], "short")),
        ),
      ];
    }),
  ];
  return new uPlot(options, [times(frame), times(frame).map(() => null)], chart);
}

function rows(body, frame, page, labels, spoken, key) {
  const chart = make("div", { class: "chart", role: "img", "aria-label": spoken });
  body.replaceChildren(chart, key);
  const options = base(chart, frame, page.zoom);
  options.scales.y = { range: () => [0, Math.max(1, labels.length)] };
  options.axes = [timeAxis(), names(labels, chart.clientHeight)];
  options.series = [{}, { show: false }];
  return { chart, options };
}

function* runs(values) {
  let from = 0;
  for (let i = 1; i <= values.length; i++) {
    if (i < values.length && values[i] === values[from]) continue;
    if (values[from] !== null) yield [from, i, values[from]];
    from = i;
  }
}

function* cells(values) {
  for (let i = 0; i < values.length; i++) if (values[i] !== null) yield [i, i + 1, values[i]];
}

// The name and colour of a value: by the states that the board names, else by its thresholds.
function named(value, found) {
  const known = state(value, found.mappings);
  if (known) return { text: known.text || text(value, found.unit), colour: colour(known.color || "text") };
  return { text: text(value, found.unit), colour: colour(thresholdColour(value, found.thresholds)) };
}

function paint(u, frame, [row, from, to, gap], look, label) {
  const ratio = window.devicePixelRatio || 1;
  const x = (i) => u.valToPos(Math.min(frame.start_s + i * frame.step_s, u.scales.x.max), "x", true);
  const low = u.valToPos(row, "y", true),
    high = u.valToPos(row + 1, "y", true);
  const tall = low - high,
    most = 34 * ratio; // one row alone must not become a wall
  const inset = gap === 0.5 ? 0.5 * ratio : Math.max(tall * 0.12, (tall - most) / 2);
  const left = x(from),
    width = Math.max(1, x(to) - left - gap * ratio);
  u.ctx.fillStyle = gap === 0.5 ? look.colour : faded(look.colour, 0.78);
  u.ctx.fillRect(left, high + inset, width, Math.max(1, low - high - 2 * inset));
  if (!label || !look.text || low - high < 14 * ratio) return;
  u.ctx.save();
  u.ctx.font = `600 ${11 * ratio}px system-ui, sans-serif`;
  u.ctx.textBaseline = "middle";
  u.ctx.textAlign = "left";
  if (u.ctx.measureText(look.text).width + 12 * ratio < width) {
    u.ctx.fillStyle = theme("page");
    u.ctx.fillText(look.text, left + 7 * ratio, (low + high) / 2);
  }
  u.ctx.restore();
}

function rowAt(u, count) {
  const row = Math.floor(u.posToVal(u.cursor.top, "y"));
  return row >= 0 && row < count ? row : -1;
}

function keys(lines) {
  const seen = new Map();
  const [{ found }] = lines;
  if (!(found.mappings || []).length) {
    const steps = (found.thresholds || {}).steps || [];
    steps.forEach(({ value, color }, i) =>
      seen.set(
        value === null || value === undefined
          ? `below ${text((steps[i + 1] || {}).value, found.unit)}`
          : `from ${text(value, found.unit)}`,
        colour(color),
      ),
    );
    return keyed(seen);
  }
  for (const line of lines)
    for (const value of new Set(line.values)) {
      if (value !== null && seen.size < 12) {
        const look = named(value, line.found);
        seen.set(look.text, look.colour);
      }
    }
  return keyed(seen);
}

function keyed(seen) {
  return make(
    "div",
    { class: "keys" },
    ...[...seen].map(([name, shade]) => make("span", {}, swatch(shade), name)),
  );
}

// Buckets that never hold anything, at both ends, tell nothing.
function trimmed(lines) {
  const holds = lines.map((line) => line.values.some((v) => v > 1e-9));
  const first = holds.indexOf(true),
    final = holds.lastIndexOf(true);
  return first < 0 ? lines : lines.slice(Math.max(0, first - 1), final + 2);
}

const WARM = [
  [14, 116, 144],
  [45, 212, 191],
  [245, 213, 71],
  [255, 120, 60],
  [255, 70, 95],
];

function warmth(share) {
  const cold = theme("edge")
      .match(/[0-9a-f]{2}/gi)
      .map((pair) => parseInt(pair, 16)),
    steps = [cold, ...WARM];
  const place = Math.max(0, Math.min(1, share)) * (steps.length - 1),
    i = Math.min(steps.length - 2, Math.floor(place));
  const mix = steps[i].map((from, k) => Math.round(from + (steps[i + 1][k] - from) * (place - i)));
  return "#" + mix.map((v) => v.toString(16).padStart(2, "0")).join("");
}

function scaleKey(most) {
  const steps = [0.05, 0.25, 0.5, 0.75, 1].map((share) =>
    make("span", {}, swatch(warmth(share)), text(share * share * most, "short")),
  );
  return make("div", { class: "keys" }, ...steps);
}
