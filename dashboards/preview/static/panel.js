// One panel: its frame, its title, what it says of itself, and the drawing inside.

import { anchor, make } from "./dom.js";
import { fields } from "./grafana/field.js";
import { heatmap } from "./panels/heatmap.js";
import { history, timeline } from "./panels/bands.js";
import { table } from "./panels/table.js";
import { draw as timeseries } from "./panels/timeseries.js";
import { barGauge, gauge, histogram, stat, text } from "./panels/values.js";

const KINDS = {
  timeseries,
  stat,
  gauge,
  table,
  heatmap,
  histogram,
  bargauge: barGauge,
  "state-timeline": timeline,
  "status-history": history,
};
const FIGURES = ["stat", "gauge", "bargauge"]; // these show "no data" as a figure with a colour
const TRANSFORMATIONS = ["merge", "filterFieldsByName", "organize", "sortBy"];

// What of a panel's settings this page does not draw, in words.
function leftOutOf({ transformations = [], fieldConfig: { defaults = {}, overrides = [] } = {}, options = {} }) {
  const stackings = [defaults.custom?.stacking, ...overrides.flatMap(({ properties }) => properties.map(({ value }) => value))];
  return [
    ...transformations.map(({ id }) => id).filter((id) => !TRANSFORMATIONS.includes(id)),
    stackings.some((one) => one?.mode === "percent") ? "stacking in per cent" : "",
    options.reduceOptions?.values ? "a figure for each value" : "",
  ].filter(Boolean);
}

export class Panel {
  // `item` is {model, id, place, scope} of the layout. `board` has ask(points, scope), zoom(from, to), back(),
  // scope(own), marks(id), links(found).
  constructor({ model, id, place, scope, title }, board) {
    Object.assign(this, { model, scope, board });
    this.frame = null;
    this.chart = null;
    this.turn = 0;
    this.hidden = new Set();
    this.turned = { at: 0 };
    this.sorted = null;
    this.body = make("div", { class: "body" });
    this.note = make("span", { class: "note" });
    this.error = make("p", { class: "error", role: "alert", hidden: true });
    const { x, y, w, h } = place;
    this.node = make(
      "section",
      {
        class: "panel",
        id: `panel-${id}`,
        "data-panel": model.id,
        "data-state": "new",
        "aria-label": title,
        "--x": x + 1,
        "--y": y + 1,
        "--w": w,
        "--h": h,
      },
      this.head(title),
      this.body,
      this.error,
    );
    this.watch = new ResizeObserver(() => this.fit());
    this.watch.observe(this.body);
  }

  head(title) {
    const links = this.board.links(this.model.links || [], this.scope);
    return make(
      "header",
      {},
      make("h3", { title }, title),
      this.model.description ? this.about(title) : null,
      ...links.map((link) => anchor(link)),
      this.note,
    );
  }

  about(title) {
    const queries = (this.model.targets || []).map((target) => make("code", {}, target.expr));
    const paragraphs = this.model.description.split(/\n{2,}/).map((paragraph) => make("p", {}, paragraph));
    return make(
      "details",
      { class: "about" },
      make("summary", { "aria-label": `About ${title}` }, "i"),
      make("div", {}, ...paragraphs, ...queries),
    );
  }

  async refresh() {
    if (this.model.type === "text") {
      text(this.body, this.model, null, this.page());
      this.node.dataset.state = "drawn";
      return;
    }
    const turn = ++this.turn;
    this.node.classList.add("loading");
    try {
      const points = Math.max(10, Math.min(1500, this.body.clientWidth || 600));
      const frame = await this.board.ask(points, this.scope);
      if (turn !== this.turn) return;
      this.frame = frame;
      this.fail("");
      this.redraw();
    } catch (error) {
      if (turn === this.turn) this.fail(error.message);
    } finally {
      this.node.classList.remove("loading");
    }
  }

  // What a drawing knows of the page and asks of it.
  page() {
    const style = getComputedStyle(this.body);
    const inner = (whole, ...sides) => whole - sides.reduce((sum, side) => sum + parseFloat(style[side]), 0);
    return {
      fields: this.frame ? fields(this.model, this.frame) : [],
      width: inner(this.body.clientWidth, "paddingLeft", "paddingRight"),
      height: inner(this.body.clientHeight, "paddingTop", "paddingBottom"),
      marks: this.board.marks(this.model.id),
      hidden: this.hidden,
      turned: this.turned,
      sorted: this.sorted,
      zoom: this.board.zoom,
      back: this.board.back,
      scope: () => this.board.scope(this.scope),
      plainLinks: (found) => this.board.links(found, this.scope),
      toggle: (name) => {
        if (!this.hidden.delete(name)) this.hidden.add(name);
        this.redraw();
      },
      turn: (at) => {
        this.turned.at = at;
        this.redraw();
      },
      sort: (by) => {
        this.sorted = by;
        this.redraw();
      },
    };
  }

  redraw() {
    if (!this.frame) return;
    const kept = this.keep();
    const { lines = [], rows = [], left_out: leftOut = 0 } = this.frame;
    const strange = leftOutOf(this.model);
    this.note.textContent = [
      leftOut ? `${leftOut} more series are not drawn` : "",
      strange.length ? `the preview leaves out ${strange.join(", ")}` : "",
    ]
      .filter(Boolean)
      .join("; ");
    const empty = !rows.length && lines.every((line) => line.values.every((value) => value === null) && !Object.keys(line.odd || {}).length);
    this.node.dataset.state = empty ? "empty" : "drawn";
    const draw = KINDS[this.model.type];
    if (empty && !(FIGURES.includes(this.model.type) && !lines.length)) this.say(this.nothing());
    else if (!draw) this.say(`The preview cannot draw panels of type ${this.model.type}; Grafana can.`);
    else this.chart = draw(this.body, this.model, this.frame, this.page()) || null;
    kept();
  }

  say(words) {
    this.body.replaceChildren(make("p", { class: "nothing" }, words));
  }

  nothing() {
    const [, why] = (this.model.description || "").split("May be empty: ");
    return why ? `No data: ${why}` : "No data in this range";
  }

  // What the reader is at: a new drawing gives back the crosshair, the scrolled legend, what had the focus.
  keep() {
    const cursor =
      this.chart && (this.chart.kept || this.chart.over.matches(":hover"))
        ? { left: this.chart.cursor.left, top: this.chart.cursor.top }
        : null;
    const scrolled = (this.body.querySelector(".legend, .table") || {}).scrollTop || 0;
    const focused = this.body.contains(document.activeElement) ? document.activeElement : null;
    const name = focused && (focused.title || focused.className);
    if (this.chart) this.chart.destroy();
    this.chart = null;
    return () => {
      if (cursor && this.chart) {
        this.chart.kept = true; // the browser reports a pointer over a new element only when it moves
        this.chart.setCursor(cursor);
      }
      const scrolls = this.body.querySelector(".legend, .table");
      if (scrolls) scrolls.scrollTop = scrolled;
      if (!focused || document.contains(focused)) return;
      const same = [...this.body.querySelectorAll(focused.tagName)];
      same.find((one) => (one.title || one.className) === name)?.focus({ preventScroll: true });
    };
  }

  fail(message) {
    this.error.hidden = !message;
    this.error.textContent = message;
    this.node.classList.toggle("failed", Boolean(message));
    if (message) this.node.dataset.state = "failed";
  }

  // A chart takes its new size; what is laid out by its width, and what Grafana refuses at one, is drawn anew.
  fit() {
    const box = this.chart && this.chart.root.parentElement;
    if (box && box.clientWidth > 0) this.chart.setSize({ width: box.clientWidth, height: box.clientHeight });
    if (this.frame && (!box || this.model.type === "status-history")) this.again();
  }

  // Once a frame: drawing inside of a ResizeObserver's own call would call it again.
  again() {
    cancelAnimationFrame(this.waiting);
    this.waiting = requestAnimationFrame(() => this.redraw());
  }

  close() {
    this.watch.disconnect();
    cancelAnimationFrame(this.waiting);
    if (this.chart) this.chart.destroy();
  }
}
