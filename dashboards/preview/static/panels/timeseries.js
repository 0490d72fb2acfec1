// Lines, bars or stacked areas over time, on an axis for each unit.

import { base, timeAxis, times, tipLine, tooltip, valueAxis } from "../axes.js";
import { faded, make, themeName } from "../dom.js";
import { named } from "../grafana/colours.js";
import { display, reads, seriesColour } from "../grafana/field.js";
import { last } from "../grafana/reduce.js";
import { joined, written } from "../grafana/units.js";
import { beside, legend } from "./legend.js";

export function draw(body, panel, frame, page) {
  const lines = page.fields.map((field) => ({
    ...field,
    colour: seriesColour(field, themeName()),
    hidden: page.hidden.has(field.name),
  }));
  const chart = make("div", { class: "chart", role: "img", "aria-label": spoken(panel, lines) });
  body.replaceChildren(beside(chart, legend(panel, lines, page), panel, page));
  const shown = lines.filter((line) => !line.hidden && !line.config.custom.hideFrom?.viz);
  const options = base(chart, frame, page);
  const scales = grouped(shown.length ? shown : lines);
  const data = heaped(shown);
  for (const scale of scales) options.scales[scale.key] = scaleOf(scale, shown, data);
  options.axes = [timeAxis(), ...scales.map((scale, i) => axisOf(scale, i))].filter(Boolean);
  options.series = [{}, ...shown.map((line) => stroke(line, scales, frame))];
  options.bands = bands(shown);
  options.hooks.drawClear = [(u) => thresholds(u, scales, "area")];
  options.hooks.draw.unshift((u) => thresholds(u, scales, "line"));
  options.plugins = [tooltip(chart, (index) => hover(shown, index, panel))];
  return new uPlot(options, [times(frame), ...data], chart);
}

// --- axes: one for each unit, the first at the left

function grouped(lines) {
  const found = new Map();
  for (const line of lines) {
    const { unit = "short", custom, min, max } = line.config;
    const key = [unit, custom.axisPlacement || "auto", min, max, custom.scaleDistribution?.log].join("/");
    if (!found.has(key)) found.set(key, { key, unit, line, lines: [] });
    found.get(key).lines.push(line);
  }
  return [...found.values()];
}

const keyOf = (line, scales) => scales.find((scale) => scale.lines.some((one) => one.index === line.index)).key;

function axisOf({ key, unit, line }, place) {
  const { axisPlacement = "auto", axisLabel, axisGridShow } = line.config.custom;
  if (axisPlacement === "hidden") return null;
  const side = axisPlacement === "right" || (axisPlacement === "auto" && place > 0) ? 1 : 3;
  const text = (value, decimals) => tick(value, line.config, decimals);
  return valueAxis(key, text, { unit, side, label: axisLabel, grid: axisGridShow ?? place === 0 });
}

// Grafana writes a tick with its step's decimals and without zeros at the end.
function tick(value, { unit, decimals }, step) {
  if (decimals !== undefined && decimals !== null) return joined(written(value, unit, decimals));
  const { text, ...rest } = written(value, unit, step);
  const trimmed = step === undefined || Number.isNaN(Number(text)) ? text : String(Number(text));
  return joined({ text: trimmed, ...rest });
}

function scaleOf({ line, lines }, shown, data) {
  const { config } = line;
  const softs = lines.map((one) => one.config.custom);
  const soft = { min: lowest(softs.map((c) => c.axisSoftMin)), max: highest(softs.map((c) => c.axisSoftMax)) };
  const log = config.custom.scaleDistribution?.type === "log" ? config.custom.scaleDistribution.log || 10 : null;
  const mine = data.filter((_, i) => lines.some((one) => one.index === shown[i].index)).flat();
  const known = mine.filter((value) => value !== null && Number.isFinite(value));
  const range = () => reach(known, config, soft);
  return log ? { distr: 3, log } : { range };
}

const set = (values) => values.filter((value) => value !== undefined && value !== null);
const lowest = (values) => (set(values).length ? Math.min(...set(values)) : undefined);
const highest = (values) => (set(values).length ? Math.max(...set(values)) : undefined);

// Hard ends hold; with a soft one the axis ends there, until the data passes it and no further than the hard one. Zeros
// alone get an axis up to 100. All as in Grafana.
export function reach(known, { min, max }, soft) {
  const low = known.length ? known.reduce((a, b) => Math.min(a, b)) : 0;
  const high = known.length ? known.reduce((a, b) => Math.max(a, b)) : 0;
  const end = (value, near, far) => ({ pad: 0.1, hard: value ?? far, soft: near ?? 0, mode: isSet(near) ? 1 : 3 });
  const [from, to] = uPlot.rangeNum(low, high, {
    min: end(min, soft.min, -Infinity),
    max: end(max, soft.max, Infinity),
  });
  return [isSet(min) && !isSet(soft.min) ? min : from, isSet(max) && !isSet(soft.max) ? max : to];
}

const isSet = (value) => value !== undefined && value !== null;

// --- series

const PATHS = {
  smooth: () => uPlot.paths.spline(),
  stepBefore: () => uPlot.paths.stepped({ align: -1 }),
  stepAfter: () => uPlot.paths.stepped({ align: 1 }),
};

function stroke(line, scales, frame) {
  const { lineWidth = 1, fillOpacity = 0, lineStyle, drawStyle, gradientMode, lineInterpolation } = line.config.custom;
  const { showPoints = "auto", pointSize = 5, spanNulls = false } = line.config.custom;
  const opaque = fillOpacity / 100;
  const few = showPoints === "auto" && line.values.filter((value) => value !== null).length < 30 && frame.points < 60;
  const paths = drawStyle === "bars" ? uPlot.paths.bars({ size: [0.6, 40] }) : PATHS[lineInterpolation]?.();
  return {
    label: line.name,
    scale: keyOf(line, scales),
    stroke: line.colour,
    width: drawStyle === "points" ? 0 : lineWidth,
    fill: !opaque ? undefined : gradientMode === "opacity" ? falling(line.colour, opaque) : faded(line.colour, opaque),
    dash: lineStyle?.fill === "dash" ? lineStyle.dash || [10, 10] : lineStyle?.fill === "dot" ? [0, 6] : undefined,
    points: { show: showPoints === "always" || drawStyle === "points" || few || (showPoints === "auto" && alone(line.values)), size: pointSize },
    spanGaps: spanNulls === true,
    ...(paths ? { paths } : {}),
  };
}

// A sample between gaps has no line to be on: show it as a point.
function alone(values) {
  return values.some((value, i) => value !== null && isGap(values[i - 1]) && isGap(values[i + 1]));
}

const isGap = (value) => value === null || value === undefined;

function falling(colour, share) {
  return (u) => {
    const fill = u.ctx.createLinearGradient(0, u.bbox.top, 0, u.bbox.top + u.bbox.height);
    fill.addColorStop(0, faded(colour, share));
    fill.addColorStop(1, faded(colour, 0));
    return fill;
  };
}

const stackOf = ({ config }) => (config.custom.stacking?.mode === "normal" ? config.custom.stacking.group || "A" : null);

// The values as they are drawn: of stacked series, each on top of those before it.
function heaped(lines) {
  const below = new Map();
  return lines.map((line) => {
    const drawn = line.values.map((value) => (Number.isFinite(value) ? value : null));
    const group = stackOf(line);
    if (!group) return drawn;
    const sums = (below.get(group) || drawn.map(() => 0)).map((sum, i) => sum + (drawn[i] || 0));
    below.set(group, sums);
    return sums.map((sum, i) => (lines.every((one) => isGap(one.values[i])) ? null : sum));
  });
}

function bands(lines) {
  return lines.flatMap((line, i) => {
    const group = stackOf(line);
    const before = group ? lines.findLastIndex((one, at) => at < i && stackOf(one) === group) : -1;
    const under = line.config.custom.fillBelowTo;
    const to = under ? lines.findIndex((one) => one.name === under) : before;
    return to >= 0 ? [{ series: [i + 1, to + 1] }] : [];
  });
}

// --- thresholds as lines or areas, where the panel shows them

function thresholds(u, scales, part) {
  const ratio = window.devicePixelRatio || 1;
  const { left, top, width, height } = u.bbox;
  for (const { key, line } of scales) {
    const mode = line.config.custom.thresholdsStyle?.mode || "off";
    if (mode === "off" || !mode.includes(part === "line" ? "" : "area")) continue;
    const steps = (line.config.thresholds?.steps || []).map((step) => ({ ...step, value: step.value ?? -Infinity }));
    u.ctx.save();
    u.ctx.beginPath();
    u.ctx.rect(left, top, width, height);
    u.ctx.clip();
    steps.forEach(({ value, color }, i) => {
      const shade = named(color, themeName());
      const y = value === -Infinity ? top + height : u.valToPos(value, key, true);
      const next = steps[i + 1] ? u.valToPos(steps[i + 1].value, key, true) : top;
      u.ctx.fillStyle = faded(shade, 0.15);
      if (part === "area") u.ctx.fillRect(left, next, width, y - next);
      else if (value !== -Infinity && (mode.includes("line") || mode.includes("dashed"))) {
        u.ctx.strokeStyle = faded(shade, 0.7);
        u.ctx.lineWidth = 2 * ratio;
        u.ctx.setLineDash(mode.includes("dashed") ? [10 * ratio, 10 * ratio] : []);
        u.ctx.beginPath();
        u.ctx.moveTo(left, y);
        u.ctx.lineTo(left + width, y);
        u.ctx.stroke();
      }
    });
    u.ctx.restore();
  }
}

// --- words

function hover(lines, index, panel) {
  const { sort = "none", mode = "single" } = panel.options?.tooltip || {};
  const here = lines.filter((line) => !isGap(line.values[index]) && !line.config.custom.hideFrom?.tooltip);
  if (sort !== "none") here.sort((a, b) => (a.values[index] - b.values[index]) * (sort === "desc" ? -1 : 1));
  if (!here.length || mode === "none") return null;
  const rows = here.slice(0, 12).map((line) => tipLine(line.colour, line.name, reads(line, line.values[index])));
  if (here.length > 12) rows.push(make("div", { class: "when" }, `and ${here.length - 12} more`));
  return rows;
}

function spoken(panel, lines) {
  const said = lines.slice(0, 8).map((line) => `${line.name} ${joined(display(line, last(line.values), "dark"))}`);
  return `${panel.title}, over time. Last values: ${said.join("; ")}`;
}

