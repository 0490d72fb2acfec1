// One time axis for every panel that has one: the same labels, the same crosshair, drag to zoom. uPlot does the rest.

import { make } from "./dom.js";
import { clock, day, theme } from "./format.js";

const SHARED = "board";
const FONT = '11px system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif';

function timeLabels(_, splits, __, ___, increment) {
  return splits.map((s, i) => {
    const midnight = new Date(s * 1000).getHours() === 0 && new Date(s * 1000).getMinutes() === 0;
    if (increment >= 86400) return day(s);
    return midnight && i > 0 ? day(s) : clock(s, increment < 60);
  });
}

export function timeAxis() {
  return {
    stroke: theme("soft"),
    font: FONT,
    grid: { stroke: theme("grid"), width: 1 },
    ticks: { show: false },
    values: timeLabels,
    size: 26,
    space: 70,
    gap: 4,
  };
}

const BINARY = Array.from({ length: 51 }, (_, i) => 2 ** i);

export function valueAxis(format, unit) {
  return {
    stroke: theme("soft"),
    font: FONT,
    grid: { stroke: theme("grid"), width: 1 },
    ticks: { show: false },
    gap: 6,
    space: 28,
    values: (_, splits) => splits.map(format),
    size: (self, values) =>
      Math.max(34, 14 + 6.3 * Math.max(0, ...(values || []).map((v) => String(v ?? "").length))),
    ...(["bytes", "binBps"].includes(unit) ? { incrs: BINARY } : {}),
  };
}

// The rows' names, every so many of them where the box is too low for all.
export function names(rows, height) {
  const longest = Math.max(0, ...rows.map((name) => name.length));
  const width = Math.min(220, 16 + 6.4 * longest);
  const most = Math.floor((width - 16) / 6.4);
  const every = Math.max(1, Math.ceil((rows.length * 15) / Math.max(1, height - 40)));
  const shown = rows.map((_, i) => i).filter((i) => i % every === 0);
  return {
    stroke: theme("text"),
    font: FONT,
    grid: { show: false },
    ticks: { show: false },
    gap: 8,
    size: width,
    splits: () => shown.map((i) => i + 0.5),
    values: () => shown.map((i) => (rows[i].length > most ? rows[i].slice(0, most - 1) + "…" : rows[i])),
  };
}

export function times(frame) {
  return Array.from({ length: frame.points }, (_, i) => frame.start_s + i * frame.step_s);
}

// Options that every chart over time shares. `zoom(start, end)` is called after a drag.
export function base(box, frame, zoom) {
  const first = frame.start_s,
    final = frame.start_s + (frame.points - 1) * frame.step_s;
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
          zoom(from, to);
        },
      ],
    },
  };
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
        tip.replaceChildren(
          make("div", { class: "when" }, `${day(u.data[0][idx])} ${clock(u.data[0][idx], true)}`),
          ...found,
        );
        const width = tip.offsetWidth,
          x = left + u.over.offsetLeft;
        tip.style.left = `${x + width + 18 > box.clientWidth ? Math.max(0, x - width - 12) : x + 14}px`;
        tip.style.top = `${Math.max(0, Math.min(top + u.over.offsetTop + 10, box.clientHeight - tip.offsetHeight))}px`;
      },
    },
  };
}
