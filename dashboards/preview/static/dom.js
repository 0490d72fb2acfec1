// Elements without innerHTML: what comes from Prometheus is text, whatever is in it.

export function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") node.className = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name.startsWith("--")) node.style.setProperty(name, value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

export function swatch(colour) {
  const node = make("span", { class: "swatch" });
  node.style.background = colour;
  return node;
}

// Links of a panel or a value; one that leaves this page says so.
export function anchor({ title, url, blank }, ...children) {
  const away = /^https?:/.test(url);
  return make(
    "a",
    { href: url, title, rel: away ? "noreferrer" : null, target: blank || away ? "_blank" : null },
    ...(children.length ? children : [title]),
  );
}

// A name that may be cut in its middle: the head gives way, the tail stays, so that cut names stay different.
export function cuttable(name, tail) {
  const at = name.length - tail < 4 ? 0 : name.length - tail;
  return make(
    "span",
    { class: "cut", title: name },
    make("span", { class: "head" }, name.slice(0, at)),
    make("span", { class: "tail" }, name.slice(at)),
  );
}

// A canvas as large as its box on this screen, with its context scaled to CSS pixels.
export function sized(canvas) {
  const { width, height } = canvas.getBoundingClientRect();
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.max(1, Math.round(width * ratio));
  canvas.height = Math.max(1, Math.round(height * ratio));
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  return { context, width, height };
}

export function themeName() {
  return document.documentElement.dataset.theme === "light" ? "light" : "dark";
}

// A colour of the page, by its name in the stylesheet.
export function ink(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

const plain = document.createElement("canvas").getContext("2d");

// Any CSS colour with `share` of its strength, as a canvas takes it.
export function faded(colour, share) {
  plain.fillStyle = "#808080";
  plain.fillStyle = colour;
  const hex = plain.fillStyle;
  if (!hex.startsWith("#")) return hex; // rgba(...): it is see-through by itself
  return hex + Math.round(Math.max(0, Math.min(1, share)) * 255).toString(16).padStart(2, "0");
}

// Black or white, whichever reads better on the colour.
export function readableOn(colour) {
  plain.fillStyle = "#808080";
  plain.fillStyle = colour;
  const [r, g, b] = (plain.fillStyle.startsWith("#") ? plain.fillStyle : "#808080").match(/[0-9a-f]{2}/gi).map((pair) => parseInt(pair, 16));
  return 0.299 * r + 0.587 * g + 0.114 * b > 140 ? "#111217" : "#ffffff";
}
