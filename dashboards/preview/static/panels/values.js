// Panels that show what is now: stat, gauge, bar gauge, table, histogram, text.

import { make, sized } from "../dom.js";
import { CALCS, colour, faded, parts, settings, state, text as told, thresholdColour } from "../format.js";

function reduced(panel, line) {
  const [calc = "lastNotNull"] = (panel.options.reduceOptions && panel.options.reduceOptions.calcs) || [];
  return (CALCS[calc] || CALCS.lastNotNull)[1](line.values);
}

export function stat(body, panel, frame) {
  const many = frame.lines.length > 1;
  const box = make("div", { class: "stats" });
  body.replaceChildren(box);
  for (const line of frame.lines.slice(0, 12)) {
    const found = settings(panel.fieldConfig, line),
      value = reduced(panel, line),
      known = state(value, found.mappings);
    const [number, unit] = known ? [known.text, ""] : parts(value, found.unit);
    const shade = colour(known ? known.color || "text" : thresholdColour(value, found.thresholds));
    const shown = make("div", { class: "value" }, number, unit ? make("small", {}, unit) : null);
    shown.style.color = shade;
    const one = make("div", { class: "stat" }, shown, many ? make("div", { class: "of" }, line.name) : null);
    box.append(one);
    if (panel.options.graphMode === "area" && line.values.length > 1 && !many) spark(box, line.values, shade);
  }
}

function spark(box, values, shade) {
  const canvas = make("canvas", { class: "spark", "aria-hidden": "true" });
  box.prepend(canvas);
  const { context, width, height } = sized(canvas);
  const known = values.filter((v) => v !== null);
  const least = Math.min(0, ...known),
    most = Math.max(...known, least + 1e-9);
  const x = (i) => (i / (values.length - 1)) * width;
  const y = (v) => height - 2 - ((v - least) / (most - least)) * (height - 8);
  const line = new Path2D();
  let open = false,
    first = 0,
    final = 0;
  values.forEach((v, i) => {
    if (v === null) return;
    if (open) line.lineTo(x(i), y(v));
    else {
      line.moveTo(x(i), y(v));
      first = i;
    }
    open = true;
    final = i;
  });
  if (!open) return;
  const area = new Path2D(line);
  area.lineTo(x(final), height);
  area.lineTo(x(first), height);
  const fill = context.createLinearGradient(0, 0, 0, height);
  fill.addColorStop(0, faded(shade, 0.28));
  fill.addColorStop(1, faded(shade, 0.02));
  context.fillStyle = fill;
  context.fill(area);
  context.strokeStyle = faded(shade, 0.75);
  context.lineWidth = 1.5;
  context.stroke(line);
}

export function barGauge(body, panel, frame) {
  const { min = 0, max } = panel.fieldConfig.defaults;
  const values = frame.lines.map((line) => reduced(panel, line));
  const most = max ?? Math.max(...values.filter((v) => v !== null), min + 1e-9);
  const cells = frame.lines.flatMap((line, i) => {
    const found = settings(panel.fieldConfig, line),
      value = values[i];
    const share = value === null ? 0 : Math.max(0, Math.min(1, (value - min) / (most - min)));
    const fill = make("div", {
      class: "fill",
      "--share": `${100 * share}%`,
      "--colour": colour(thresholdColour(value, found.thresholds)),
    });
    return [
      make("span", {}, line.name),
      make("div", { class: "track" }, fill),
      make("b", {}, told(value, found.unit)),
    ];
  });
  body.replaceChildren(make("div", { class: "bars" }, ...cells));
}

const SVG = "http://www.w3.org/2000/svg";

export function gauge(body, panel, frame) {
  const { min = 0, max = 100 } = panel.fieldConfig.defaults;
  const figures = frame.lines.slice(0, 8).map((line) => {
    const found = settings(panel.fieldConfig, line),
      value = reduced(panel, line);
    const share = value === null ? 0 : Math.max(0, Math.min(1, (value - min) / (max - min)));
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", "0 0 120 78");
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", `${line.name}: ${told(value, found.unit)}`);
    const shade = colour(thresholdColour(value, found.thresholds));
    svg.append(
      arc(1, getComputedStyle(document.documentElement).getPropertyValue("--raised").trim()),
      arc(share, shade),
    );
    const number = document.createElementNS(SVG, "text"),
      shownText = told(value, found.unit);
    for (const [key, set] of Object.entries({
      x: 60,
      y: 66,
      "text-anchor": "middle",
      fill: shade,
      "font-size": Math.min(19, 120 / shownText.length),
      "font-weight": 620,
    }))
      number.setAttribute(key, set);
    number.textContent = shownText;
    svg.append(number);
    return make("figure", {}, svg, make("figcaption", {}, line.name));
  });
  body.replaceChildren(make("div", { class: "gauges" }, ...figures));
}

function arc(share, shade) {
  const path = document.createElementNS(SVG, "path");
  const angle = Math.PI * (1 - share);
  path.setAttribute("d", `M10 66 A50 50 0 0 1 ${60 + 50 * Math.cos(angle)} ${66 - 50 * Math.sin(angle)}`);
  for (const [key, set] of Object.entries({ fill: "none", stroke: shade, "stroke-width": 11 }))
    path.setAttribute(key, set);
  return path;
}

const SEVERITY = { page: "red", critical: "red", ticket: "orange", warning: "orange", info: "blue" };

export function table(body, panel, frame) {
  const fields = frame.columns.map((name) => settings(panel.fieldConfig, { name, ref: "" }));
  const head = make("tr", {}, ...frame.columns.map((name) => make("th", { scope: "col" }, name)));
  const rows = frame.rows.map((row) => make("tr", {}, ...row.map((cell, i) => shown(cell, fields[i]))));
  body.replaceChildren(
    make(
      "div",
      { class: "table", tabindex: "0", role: "region", "aria-label": panel.title },
      make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows)),
    ),
  );
}

function shown(cell, field) {
  const numeric = typeof cell === "number";
  const known = numeric
    ? state(cell, field.mappings)
    : cell in SEVERITY
      ? { text: cell, color: SEVERITY[cell] }
      : null;
  if (!known)
    return make("td", { class: numeric ? "number" : null }, numeric ? told(cell, field.unit) : (cell ?? "–"));
  const pill = make("span", { class: "pill" }, known.text);
  pill.style.color = colour(known.color || "text");
  return make("td", {}, pill);
}

const BUCKETS = 24;

export function histogram(body, panel, frame) {
  const values = frame.lines.flatMap((line) => line.values.filter((v) => v !== null));
  const { unit } = panel.fieldConfig.defaults;
  const least = Math.min(...values),
    most = Math.max(...values),
    width = (most - least) / BUCKETS || 1;
  const counts = Array.from({ length: BUCKETS }, () => 0);
  for (const value of values) counts[Math.min(BUCKETS - 1, Math.floor((value - least) / width))] += 1;
  const canvas = make("canvas", {
    class: "chart",
    role: "img",
    "aria-label": `${panel.title}: from ${told(least, unit)} to ${told(most, unit)}`,
  });
  body.replaceChildren(
    canvas,
    make(
      "div",
      { class: "keys" },
      make("span", {}, `${told(least, unit)} – ${told(most, unit)}, ${values.length} values`),
    ),
  );
  const { context, width: wide, height } = sized(canvas);
  context.fillStyle = faded(colour("teal"), 0.8);
  counts.forEach((count, i) => {
    const tall = (count / Math.max(...counts)) * (height - 4);
    context.fillRect((i * wide) / BUCKETS + 1, height - tall, wide / BUCKETS - 2, tall);
  });
}

// Markdown as far as notes need it: paragraphs, **bold** and `code`.
export function text(body, panel) {
  const paragraphs = String(panel.options.content || "")
    .split(/\n{2,}/)
    .map((paragraph) =>
      make(
        "p",
        {},
        ...paragraph.split(/(\*\*[^*]+\*\*|`[^`]+`)/).map((piece) => {
          if (piece.startsWith("**") && piece.length > 4) return make("b", {}, piece.slice(2, -2));
          if (piece.startsWith("`") && piece.length > 2) return make("code", {}, piece.slice(1, -1));
          return piece.replace(/^#+ /, "");
        }),
      ),
    );
  body.replaceChildren(make("div", { class: "text" }, ...paragraphs));
}
