// Panels that show what is now: stat, gauge, bar gauge, histogram, text.

import { anchor, cuttable, faded, ink, make, readableOn, sized, themeName } from "../dom.js";
import { tailLength } from "../grafana/cut.js";
import { figures, reads } from "../grafana/field.js";
import { links } from "../grafana/links.js";
import { joined } from "../grafana/units.js";

export function stat(body, panel, frame, page) {
  const { graphMode = "area", colorMode = "value", textMode = "auto", justifyMode = "auto" } = panel.options || {};
  const shown = figures(panel, page.fields, themeName());
  const named = textMode === "name" || textMode === "value_and_name" || (textMode === "auto" && shown.length > 1);
  const tail = tailLength(shown.map((one) => one.name));
  const down = panel.options?.orientation === "horizontal" || (page.height > page.width && shown.length > 1);
  const box = make("div", { class: down ? "stats down" : "stats" });
  const later = [];
  body.replaceChildren(box);
  for (const one of shown) {
    const filled = colorMode === "background" || colorMode === "background_solid";
    const value = make("div", { class: "value" }, one.prefix || null, one.text, one.suffix ? make("small", {}, one.suffix) : null);
    if (colorMode === "value") value.style.color = one.colour;
    const [link] = links(one.field, placeOf(one), page.fields, page.scope());
    const parts = [
      named && textMode !== "value" ? make("div", { class: "of" }, cuttable(one.name, tail)) : null,
      textMode === "name" || textMode === "none" ? null : value,
    ];
    const centre = justifyMode === "center" || (justifyMode === "auto" && shown.length === 1 && graphMode === "none");
    const node = make("div", { class: centre ? "stat centre" : "stat" }, ...(link ? [anchor(link, ...parts.filter(Boolean))] : parts));
    if (filled) {
      node.classList.add("filled");
      node.style.background = one.colour;
      node.style.color = readableOn(one.colour);
    }
    box.append(node);
    later.push(() => {
      fitted(value, node);
      if (graphMode === "area" && one.field.values.length > 1)
        spark(node, one.field.values, filled ? "#ffffff" : one.colour);
    });
  }
  for (const finish of later) finish(); // once every figure has its width
}

const placeOf = ({ field }) => field.values.findLastIndex((value) => value !== null);

// As large as fits the figure's box, as in Grafana, and no larger than reads well.
function fitted(value, node) {
  const room = Math.min(64, Math.max(24, node.clientHeight * (node.querySelector(".of") ? 0.5 : 0.62)));
  value.style.fontSize = `${room}px`;
  const wide = value.getBoundingClientRect().width;
  if (wide > node.clientWidth - 16) value.style.fontSize = `${Math.max(12, (room * (node.clientWidth - 16)) / wide)}px`;
}

function spark(box, values, shade) {
  const canvas = make("canvas", { class: "spark", "aria-hidden": "true" });
  box.append(canvas);
  const { context, width, height } = sized(canvas);
  const known = values.filter((v) => Number.isFinite(v));
  const least = Math.min(0, ...known),
    most = Math.max(...known, least + 1e-9);
  const x = (i) => (i / (values.length - 1)) * width;
  const y = (v) => height - 2 - ((v - least) / (most - least)) * (height - 8);
  const line = new Path2D();
  let open = false,
    first = 0,
    final = 0;
  values.forEach((v, i) => {
    if (!Number.isFinite(v)) return;
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

export function barGauge(body, panel, frame, page) {
  const { displayMode = "gradient", showUnfilled = true, valueMode = "color" } = panel.options || {};
  const shown = figures(panel, page.fields, themeName());
  const tail = tailLength(shown.map((one) => one.name));
  const rows = shown.flatMap((one) => {
    const share = Math.max(0, Math.min(1, one.share || 0));
    const fill = make("span", { class: "fill", "--share": `${100 * share}%`, "--colour": one.colour });
    const number = make("b", {}, valueMode === "hidden" ? "" : joined(one));
    if (valueMode === "color") number.style.color = one.colour;
    const [link] = links(one.field, placeOf(one), page.fields, page.scope());
    const name = cuttable(one.name, tail);
    return [link ? anchor(link, name) : name, make("span", { class: showUnfilled ? "track" : "track bare" }, fill), number];
  });
  body.replaceChildren(make("div", { class: `bars ${displayMode}` }, ...rows));
}

const SVG = "http://www.w3.org/2000/svg";

export function gauge(body, panel, frame, page) {
  const shown = figures(panel, page.fields, themeName()).slice(0, 12);
  const figuresShown = shown.map((one) => {
    const svg = document.createElementNS(SVG, "svg");
    const said = joined(one);
    svg.setAttribute("viewBox", "0 0 120 78");
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", `${one.name}: ${said}`);
    const number = document.createElementNS(SVG, "text");
    const look = { x: 60, y: 66, "text-anchor": "middle", fill: one.colour, "font-weight": 500 };
    for (const [key, set] of Object.entries({ ...look, "font-size": Math.min(19, 120 / said.length) }))
      number.setAttribute(key, set);
    number.textContent = said;
    svg.append(arc(1, ink("raised")), arc(Math.max(0, Math.min(1, one.share || 0)), one.colour), number);
    return make("figure", {}, svg, make("figcaption", {}, shown.length > 1 ? one.name : ""));
  });
  body.replaceChildren(make("div", { class: "gauges" }, ...figuresShown));
}

function arc(share, shade) {
  const path = document.createElementNS(SVG, "path");
  const angle = Math.PI * (1 - share);
  path.setAttribute("d", `M10 66 A50 50 0 0 1 ${60 + 50 * Math.cos(angle)} ${66 - 50 * Math.sin(angle)}`);
  for (const [key, set] of Object.entries({ fill: "none", stroke: shade, "stroke-width": 11 }))
    path.setAttribute(key, set);
  return path;
}

const BUCKETS = 30; // as many as Grafana aims at

export function histogram(body, panel, frame, page) {
  const [first] = page.fields;
  const values = page.fields.flatMap((field) => field.values.filter((v) => Number.isFinite(v)));
  const least = Math.min(...values),
    most = Math.max(...values),
    width = (most - least) / BUCKETS || 1;
  const counts = Array.from({ length: BUCKETS }, () => 0);
  for (const value of values) counts[Math.min(BUCKETS - 1, Math.floor((value - least) / width))] += 1;
  const [from, to] = [least, most].map((value) => reads(first, value));
  const canvas = make("canvas", { class: "chart", role: "img", "aria-label": `${panel.title}: from ${from} to ${to}` });
  body.replaceChildren(
    canvas,
    make("div", { class: "keys" }, make("span", {}, `${from} – ${to}, ${values.length} values`)),
  );
  const { context, width: wide, height } = sized(canvas);
  context.fillStyle = faded(figures(panel, page.fields, themeName())[0].colour, 0.8);
  counts.forEach((count, i) => {
    const tall = (count / Math.max(...counts)) * (height - 4);
    context.fillRect((i * wide) / BUCKETS + 1, height - tall, wide / BUCKETS - 2, tall);
  });
}

// Markdown as far as notes need it: paragraphs, headings, lists, **bold**, `code` and [links](/d/board).
export function text(body, panel, frame, page) {
  const blocks = String(panel.options?.content || "").split(/\n{2,}/);
  body.replaceChildren(make("div", { class: "text" }, ...blocks.map((block) => blockOf(block.trim(), page))));
}

function blockOf(block, page) {
  const lines = block.split("\n");
  if (lines.every((line) => /^[-*] /.test(line)))
    return make("ul", {}, ...lines.map((line) => make("li", {}, ...inline(line.slice(2), page))));
  const [, marks, heading] = /^(#+) (.*)$/s.exec(block) || [];
  return marks ? make(`h${Math.min(6, marks.length + 2)}`, {}, ...inline(heading, page)) : make("p", {}, ...inline(block, page));
}

function inline(words, page) {
  return words.split(/(\*\*[^*]+\*\*|`[^`]+`|\[[^\]]+\]\([^)\s]+\))/).map((piece) => {
    if (piece.startsWith("**") && piece.length > 4) return make("b", {}, piece.slice(2, -2));
    if (piece.startsWith("`") && piece.length > 2) return make("code", {}, piece.slice(1, -1));
    const [, title, url] = /^\[([^\]]+)\]\(([^)]+)\)$/.exec(piece) || [];
    const [link] = title ? page.plainLinks([{ title, url }]) : [];
    return link ? anchor(link) : title || piece;
  });
}

