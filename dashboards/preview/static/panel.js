// One panel: its frame, its title, what it says of itself, and the drawing inside.

import { heatmap, history, timeline } from "./panels/bands.js";
import { draw as timeseries } from "./panels/timeseries.js";
import { barGauge, gauge, histogram, stat, table, text } from "./panels/values.js";
import { make } from "./dom.js";

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

export class Panel {
  // `board.ask(points)` gives the panel's frame, `board.zoom(from, to)` narrows the board's range.
  constructor(model, place, board) {
    this.model = model;
    this.board = board;
    this.frame = null;
    this.chart = null;
    this.turn = 0;
    this.hidden = new Set();
    this.body = make("div", { class: "body" });
    this.note = make("span", { class: "note" });
    this.error = make("p", { class: "error", role: "alert", hidden: true });
    const title = make(
      "header",
      {},
      make("h3", {}, model.title || ""),
      model.description ? this.about() : null,
      this.note,
    );
    this.node = make(
      "section",
      { class: "panel", "data-panel": model.id, "data-state": "new", "aria-label": model.title, ...place },
      title,
      this.body,
      this.error,
    );
    this.watch = new ResizeObserver(() => this.fit());
    this.watch.observe(this.body);
  }

  about() {
    const queries = (this.model.targets || []).map((target) => make("code", {}, target.expr));
    const paragraphs = this.model.description.split(/\n{2,}/).map((paragraph) => make("p", {}, paragraph));
    return make(
      "details",
      { class: "about" },
      make("summary", { "aria-label": `About ${this.model.title}` }, "i"),
      make("div", {}, ...paragraphs, ...queries),
    );
  }

  async refresh() {
    if (this.model.type === "text") {
      text(this.body, this.model);
      this.node.dataset.state = "drawn";
      return;
    }
    const turn = ++this.turn;
    this.node.classList.add("loading");
    try {
      const points = Math.max(
        10,
        Math.min(1500, Math.round((this.body.clientWidth || 600) * (this.coarse() ? 0.2 : 1))),
      );
      const frame = await this.board.ask(points);
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

  // Cells want to be seen: a fifth as many steps as pixels.
  coarse() {
    return ["heatmap", "status-history"].includes(this.model.type);
  }

  redraw() {
    if (!this.frame) return;
    const kept = this.keep();
    const { lines = [], rows = [], left_out: leftOut = 0 } = this.frame;
    this.note.textContent = leftOut ? `${leftOut} more series are not drawn` : "";
    const empty = !rows.length && lines.every((line) => line.values.every((value) => value === null));
    this.node.dataset.state = empty ? "empty" : "drawn";
    if (empty) {
      this.body.replaceChildren(make("p", { class: "nothing" }, this.nothing()));
      return;
    }
    const draw = KINDS[this.model.type];
    if (!draw)
      this.body.replaceChildren(
        make(
          "p",
          { class: "nothing" },
          `The preview cannot draw panels of type ${this.model.type}; Grafana can.`,
        ),
      );
    else
      this.chart =
        draw(this.body, this.model, this.frame, {
          zoom: this.board.zoom,
          hidden: this.hidden,
          toggle: (name) => this.toggle(name),
        }) || null;
    kept();
  }

  nothing() {
    const [, why] = (this.model.description || "").split("May be empty: ");
    return why ? `No data: ${why}` : "No data in this range";
  }

  // What the reader is at: a new drawing gives back the crosshair, the scrolled legend, the focused row.
  keep() {
    const cursor =
      this.chart && (this.chart.kept || this.chart.over.matches(":hover"))
        ? { left: this.chart.cursor.left, top: this.chart.cursor.top }
        : null;
    const scrolled = (this.body.querySelector(".legend, .table") || {}).scrollTop || 0;
    const focused = this.body.contains(document.activeElement) ? document.activeElement.title : null;
    if (this.chart) this.chart.destroy();
    this.chart = null;
    return () => {
      if (cursor && this.chart) {
        this.chart.kept = true; // the browser tells of a pointer over a new element only when it moves
        this.chart.setCursor(cursor);
      }
      const scrolls = this.body.querySelector(".legend, .table");
      if (scrolls) scrolls.scrollTop = scrolled;
      if (focused)
        [...this.body.querySelectorAll("button")]
          .filter((button) => button.title === focused)
          .forEach((button) => button.focus());
    };
  }

  toggle(name) {
    if (!this.hidden.delete(name)) this.hidden.add(name);
    this.redraw();
  }

  fail(message) {
    this.error.hidden = !message;
    this.error.textContent = message;
    this.node.classList.toggle("failed", Boolean(message));
    if (message) this.node.dataset.state = "failed";
  }

  fit() {
    const box = this.chart && this.chart.root.parentElement;
    if (box && box.clientWidth > 0) this.chart.setSize({ width: box.clientWidth, height: box.clientHeight });
    else if (this.frame && this.model.type === "stat") this.redraw();
  }

  close() {
    this.watch.disconnect();
    if (this.chart) this.chart.destroy();
  }
}
