// One time axis for every panel that has one: the same labels, the same crosshair, drag to zoom. uPlot does the rest.

import { faded, ink, make, themeName } from "./dom.js";
import { named } from "./grafana/colours.js";
import { cut } from "./grafana/cut.js";
import { isoTime } from "./grafana/units.js";

const SHARED = "board";
const FAMILY = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif';
const FONT_PX = 12;
const FONT = `${FONT_PX}px ${FAMILY}`;
const SMALLEST_PX = 8; // of the names of many rows, as far as they can be read
const two = (n) => String(n).padStart(2, "0");

function clock(s, withSeconds) {
  const d = new Date(s * 1000);
  return `${two(d.getHours())}:${two(d.getMinutes())}${withSeconds ? ":" + two(d.getSeconds()) : ""}`;
}

function day(s) {
  const d = new Date(s * 1000);
  return `${two(d.getMonth() + 1)}/${two(d.getDate())}`;
}

function timeLabels(_, splits, __, ___, increment) {
  return splits.map((s, i) => {
    const midnight = new Date(s * 1000).getHours() === 0 && new Date(s * 1000).getMinutes() === 0;
    if (increment >= 86400) return day(s);
    return midnight && i > 0 ? day(s) : clock(s, increment < 60);
  });
}

export function timeAxis() {
  return {
    stroke: ink("soft"),
    font: FONT,
    grid: { stroke: ink("grid"), width: 1 },
    ticks: { show: false },
    values: timeLabels,
    size: 26,
    space: 70,
    gap: 4,
  };
}

const BINARY = Array.from({ length: 51 }, (_, i) => 2 ** i);
const BYTES = new Set(["bytes", "bits", "kbytes", "mbytes", "gbytes", "binBps", "binbps"]);

// An axis of values: `text(value, decimals)` writes a tick.
export function valueAxis(scale, text, { unit, side = 3, label, grid = true }) {
  return {
    scale,
    side,
    label: label || undefined,
    labelSize: label ? 20 : undefined,
    labelFont: FONT,
    stroke: ink("soft"),
    font: FONT,
    grid: { show: grid, stroke: ink("grid"), width: 1 },
    ticks: { show: false },
    gap: 6,
    space: 28,
    values: (_, splits, __, ___, step) => splits.map((value) => (value === null ? null : text(value, places(step)))),
    size: (self, values) =>
      Math.max(34, 14 + 6.6 * Math.max(0, ...(values || []).map((v) => String(v ?? "").length))),
    ...(BYTES.has(unit) ? { incrs: BINARY } : {}),
  };
}

// The decimals that a tick's step has; undefined where it is whole.
function places(step) {
  const [, fraction = ""] = String(Math.round(step * 1e6) / 1e6).split(".");
  return fraction.length || undefined;
}

// The rows' names, every so many of them where the box is too low for all.
export function names(rows, box) {
  const row = Math.max(1, box.clientHeight - 40) / Math.max(1, rows.length); // pixels that each has
  const size = Math.max(SMALLEST_PX, Math.min(FONT_PX, Math.floor(row)));
  const letter = (6.6 * size) / FONT_PX;
  const longest = Math.max(0, ...rows.map((name) => name.length));
  const most = Math.max(8, Math.floor(Math.min(box.clientWidth * 0.4, 240) / letter) - 2);
  const every = Math.max(1, Math.ceil(SMALLEST_PX / (row + 1)));
  const shown = rows.map((_, i) => i).filter((i) => i % every === 0);
  const short = cut(rows, most);
  return {
    stroke: ink("text"),
    font: `${size}px ${FAMILY}`,
    grid: { show: false },
    ticks: { show: false },
    gap: 8,
    size: 18 + letter * Math.min(longest, most),
    splits: () => shown.map((i) => i + 0.5),
    values: () => shown.map((i) => short[i]),
  };
}

export function times(frame) {
  return Array.from({ length: frame.points }, (_, i) => frame.start_s + i * frame.step_s);
}

// Options that every chart over time shares. `page.zoom(start, end)` is called after a drag, `page.back()` after a
// double click.
export function base(box, frame, page, { regions = true } = {}) {
  const first = frame.start_s,
    final = frame.start_s + Math.max(1, frame.points - 1) * frame.step_s;
  return {
    width: Math.max(60, box.clientWidth),
    height: Math.max(40, box.clientHeight),
    legend: { show: false },
    padding: [8, 10, 0, 0],
    cursor: {
      sync: { key: SHARED, setSeries: false },
      drag: { x: true, y: false, setScale: false },
      points: { size: 6, width: 1.5 },
      y: false,
      bind: { dblclick: () => () => page.back() },
    },
    select: { show: true },
    scales: { x: { time: true, range: () => [first, final] } },
    hooks: {
      setSelect: [
        (u) => {
          if (u.select.width < 6) return;
          const from = u.posToVal(u.select.left, "x"),
            to = u.posToVal(u.select.left + u.select.width, "x");
          u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
          page.zoom(from, to);
        },
      ],
      draw: [(u) => paintMarks(u, page.marks, regions)],
      ready: [(u) => pinMarks(u, page.marks)],
    },
  };
}

// Annotations as Grafana paints them: a dashed line at the start, one at the end of a region, and the region between.
function paintMarks(u, found, regions) {
  const ratio = window.devicePixelRatio || 1;
  const { left, top, width, height } = u.bbox;
  u.ctx.save();
  u.ctx.beginPath();
  u.ctx.rect(left, top, width, height);
  u.ctx.clip();
  u.ctx.lineWidth = 2 * ratio;
  u.ctx.setLineDash([5 * ratio, 5 * ratio]);
  for (const { start_s: start, end_s: end, colour } of found) {
    const shade = named(colour, themeName());
    u.ctx.strokeStyle = shade;
    const [from, to] = [start, end].map((s) => u.valToPos(s, "x", true));
    for (const x of end > start ? [from, to] : [from]) {
      u.ctx.beginPath();
      u.ctx.moveTo(x, top);
      u.ctx.lineTo(x, top + height);
      u.ctx.stroke();
    }
    u.ctx.fillStyle = faded(shade, 0.1);
    if (end > start && regions) u.ctx.fillRect(from, top, to - from, height);
  }
  u.ctx.restore();
}

// Below the time axis' line, a mark that says on focus and under the pointer what it is.
function pinMarks(u, found) {
  const wide = u.over.clientWidth;
  for (const { start_s: start, end_s: end, colour, title, text, tags } of found) {
    const [from, to] = [start, end].map((s) => u.valToPos(s, "x"));
    if (to < 0 || from > wide) continue;
    const said = [`${isoTime(start * 1000)}${end > start ? ` to ${isoTime(end * 1000)}` : ""}`, title, text, ...tags];
    const pin = make("div", {
      class: end > start ? "mark region" : "mark",
      role: "img",
      "aria-label": said.filter(Boolean).join(", "),
      title: said.filter(Boolean).join("\n"),
      "--colour": named(colour, themeName()),
    });
    pin.style.left = `${Math.max(0, from)}px`;
    if (end > start) pin.style.width = `${Math.min(wide, to) - Math.max(0, from)}px`;
    u.over.append(pin);
  }
}

// A tooltip that follows the cursor; `lines(index, u)` gives nodes, or nothing to hide it.
export function tooltip(box, lines) {
  const tip = make("div", { class: "tip", hidden: true, role: "presentation" });
  box.append(tip);
  return {
    hooks: {
      ready: (u) =>
        u.over.addEventListener("mouseleave", () => {
          u.kept = false;
        }),
      setCursor: (u) => {
        const { left, top, idx } = u.cursor;
        const here = u.kept || u.over.matches(":hover");
        const found = here && left >= 0 && idx !== null && idx !== undefined ? lines(idx, u) : null;
        tip.hidden = !found;
        if (!found) return;
        tip.replaceChildren(make("div", { class: "when" }, isoTime(u.data[0][idx] * 1000)), ...found);
        const width = tip.offsetWidth,
          x = left + u.over.offsetLeft;
        tip.style.left = `${x + width + 18 > box.clientWidth ? Math.max(0, x - width - 12) : x + 14}px`;
        tip.style.top = `${Math.max(0, Math.min(top + u.over.offsetTop + 10, box.clientHeight - tip.offsetHeight))}px`;
      },
    },
  };
}

export function tipLine(colour, name, value) {
  return make("div", { class: "line" }, swatchOf(colour), make("span", {}, name), make("b", {}, value));
}

function swatchOf(colour) {
  return colour ? make("span", { class: "swatch", "--colour": colour }) : null;
}
