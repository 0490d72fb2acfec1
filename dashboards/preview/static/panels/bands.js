// State timeline (runs of one state as one band) and status history (a cell a step), in pages of rows as in Grafana.

import { base, names, timeAxis, times, tipLine, tooltip } from "../axes.js";
import { faded, make, readableOn, swatch, themeName } from "../dom.js";
import { display, threshold, thresholdItems } from "../grafana/field.js";
import { last } from "../grafana/reduce.js";
import { joined } from "../grafana/units.js";
import { paged } from "./pages.js";

const ROWS = 20; // of one page, where the panel says no other number; 0 is all rows

export function timeline(body, panel, frame, page) {
  return bands(body, panel, frame, page, runs);
}

export function history(body, panel, frame, page) {
  const most = Math.floor(page.width / 2);
  if (frame.points > most) return refused(body, frame.points, most);
  return bands(body, panel, frame, page, cells);
}

// Grafana draws no status history of more points than half its width in pixels.
function refused(body, points, most) {
  body.replaceChildren(
    make(
      "div",
      { class: "nothing refused" },
      make("p", {}, `Too many points to visualize properly (${points} points)`),
      make("p", {}, `Grafana draws at most ${most} at this width; the panel can set maxDataPoints or a wider interval.`),
    ),
  );
  return null;
}

function bands(body, panel, frame, page, cut) {
  const all = page.fields.map((field) => rowOf(field, panel, cut === runs));
  const { shown, pager } = paged(all, (panel.options?.perPage ?? ROWS) || Infinity, page);
  const lines = [...shown].reverse(); // the first on top
  const said = shown.slice(0, 12).map((line) => `${line.name} ${line.look(last(line.values)).text}`);
  const chart = make("div", { class: "chart", role: "img", "aria-label": `${panel.title}, over time: ${said.join("; ")}` });
  body.replaceChildren(...[chart, keys(panel, shown), pager].filter(Boolean));
  const options = base(chart, frame, page, { regions: cut === runs });
  options.scales.y = { range: () => [0, Math.max(1, lines.length)] };
  options.axes = [timeAxis(), names(lines.map((line) => line.name), chart)];
  options.series = [{}, { show: false }];
  options.hooks.draw.unshift((u) => {
    lines.forEach((line, row) => {
      for (const [from, to, value] of cut(line.keys))
        paint(u, frame, { row, from, to, panel, label: cut === runs }, line.look(line.values[from], value), line.config);
    });
  });
  options.plugins = [
    tooltip(chart, (index, u) => {
      const line = lines[rowAt(u, lines.length)];
      if (!line || line.keys[index] === null) return null;
      const look = line.look(line.values[index]);
      return [tipLine(look.colour, line.name, look.text)];
    }),
  ];
  return new uPlot(options, [times(frame), times(frame).map(() => null)], chart);
}

// A row with `look(value)` {text, colour}, and `keys`: values that are one band where they are equal and adjacent.
// A timeline that colours by thresholds merges by them, and then knows nothing of its mappings.
function rowOf(field, panel, merges) {
  const { steps = [] } = field.config.thresholds || {};
  const byThreshold =
    merges && (panel.options?.mergeValues ?? true) && field.config.color?.mode === "thresholds" && steps.length;
  if (!byThreshold) {
    const look = (value) => {
      const shown = display(field, value, themeName());
      return { text: joined(shown), colour: shown.colour };
    };
    return { ...field, look, keys: field.values };
  }
  const items = thresholdItems(field, themeName());
  const place = (value) => (value === null ? null : Math.max(0, steps.indexOf(threshold(field, value))));
  return { ...field, keys: field.values.map(place), look: (value) => items[place(value) ?? 0] };
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

function paint(u, frame, { row, from, to, panel, label }, look, config) {
  const ratio = window.devicePixelRatio || 1;
  const { rowHeight = 0.9, colWidth = 0.9, showValue = "auto", alignValue = "left" } = panel.options || {};
  const x = (i) => u.valToPos(Math.min(frame.start_s + i * frame.step_s, u.scales.x.max), "x", true);
  const high = u.valToPos(row + 1, "y", true);
  const tall = u.valToPos(row, "y", true) - high;
  const inset = (tall * (1 - rowHeight)) / 2;
  const gap = label ? 0 : (x(from + 1) - x(from)) * (1 - colWidth);
  const left = x(from) + gap / 2,
    width = Math.max(1, x(to) - x(from) - gap);
  const opacity = (config.custom.fillOpacity ?? 70) / 100;
  u.ctx.fillStyle = faded(look.colour, opacity);
  u.ctx.fillRect(left, high + inset, width, Math.max(1, tall - 2 * inset));
  if (showValue === "never" || !look.text || tall < 14 * ratio) return;
  u.ctx.save();
  u.ctx.font = `${12 * ratio}px system-ui, sans-serif`;
  u.ctx.textBaseline = "middle";
  u.ctx.textAlign = alignValue;
  if (showValue === "always" || u.ctx.measureText(look.text).width + 8 * ratio < width) {
    const at = { left: left + 4 * ratio, center: left + width / 2, right: left + width - 4 * ratio };
    u.ctx.fillStyle = readableOn(look.colour);
    u.ctx.fillText(look.text, at[alignValue], high + tall / 2);
  }
  u.ctx.restore();
}

export function rowAt(u, count) {
  const row = Math.floor(u.posToVal(u.cursor.top, "y"));
  return row >= 0 && row < count ? row : -1;
}

// The legend: the thresholds where colours go by them, else each state that is seen.
function keys(panel, lines) {
  if (panel.options?.legend?.showLegend === false || !lines.length) return null;
  const [first] = lines;
  const { mode = "" } = first.config.color || {};
  if (mode === "thresholds" && first.config.thresholds?.steps?.length > 1) return keyed(thresholdItems(first, themeName()));
  if (mode.startsWith("continuous")) return null;
  const seen = new Map();
  for (const line of lines)
    for (const value of new Set(line.values)) {
      const look = line.look(value);
      if (look.text) seen.set(look.text, look.colour);
    }
  return keyed([...seen].map(([text, colour]) => ({ text, colour })));
}

export function keyed(items) {
  return make("div", { class: "keys" }, ...items.map(({ text, colour }) => make("span", {}, swatch(colour), text)));
}
