// The page: which board, which range, which choices; every panel asked, drawn, and drawn again.

import { alerts } from "./alerts.js";
import { ask } from "./ask.js";
import { make } from "./dom.js";
import { Panel } from "./panel.js";

const RANGES = [
  [300, "5 minutes"],
  [900, "15 minutes"],
  [1800, "30 minutes"],
  [3600, "1 hour"],
  [10800, "3 hours"],
  [21600, "6 hours"],
  [43200, "12 hours"],
  [86400, "1 day"],
  [604800, "7 days"],
  [2592000, "30 days"],
];
const REFRESHES = [
  [0, "off"],
  [2, "2 s"],
  [5, "5 s"],
  [10, "10 s"],
  [30, "30 s"],
  [60, "1 min"],
  [300, "5 min"],
];
const ALL = "$__all";
const SECONDS = { s: 1, m: 60, h: 3600, d: 86400, w: 604800 };
const $ = (id) => document.getElementById(id);

const page = {
  boards: [],
  board: null,
  panels: [],
  choices: {},
  range: 1800,
  end: null,
  refresh: 10,
  timer: 0,
  turn: 0,
};

function parameters(points) {
  const found = new URLSearchParams({ range: page.range });
  if (page.end) found.set("end", page.end);
  if (points) found.set("points", points);
  for (const [name, values] of Object.entries(page.choices))
    for (const value of values) found.append(`var-${name}`, value);
  return found;
}

// --- the address bar holds the state, so that a view can be sent to somebody

function remember() {
  const found = new URLSearchParams({ board: page.board.uid, range: page.range, refresh: page.refresh });
  if (page.end) found.set("end", page.end);
  for (const [name, values] of Object.entries(page.choices))
    for (const value of values) found.append(`var-${name}`, value);
  history.replaceState(null, "", `?${found}`);
}

function recall(found) {
  const whole = (name, usual) => (/^\d{1,12}$/.test(found.get(name) || "") ? Number(found.get(name)) : usual);
  page.range = whole("range", ago(page.board.time && page.board.time.from) || 1800);
  page.refresh = whole("refresh", ago(page.board.refresh) || 10);
  page.end = whole("end", 0) || null;
  page.choices = {};
  for (const [key, value] of found)
    if (key.startsWith("var-")) (page.choices[key.slice(4)] ||= []).push(value);
}

function ago(text) {
  const [, number, unit] = /^(?:now-)?(\d+)([smhdw])$/.exec(text || "") || [];
  return number ? Number(number) * SECONDS[unit] : 0;
}

// --- header

function options(select, pairs, chosen) {
  const known = pairs.some(([value]) => value === chosen);
  const all = known
    ? pairs
    : [
        ...pairs,
        [
          chosen,
          chosen < 120
            ? `${chosen} s`
            : chosen < 7200
              ? `${Math.round(chosen / 60)} minutes`
              : `${Math.round(chosen / 3600)} hours`,
        ],
      ];
  select.replaceChildren(
    ...all.map(([value, name]) => make("option", { value, selected: value === chosen }, name)),
  );
}

function header() {
  $("boards").replaceChildren(
    ...page.boards.map((board) => {
      const here = board.uid === page.board.uid;
      return make(
        "a",
        {
          href: `?board=${encodeURIComponent(board.uid)}`,
          title: board.description,
          "aria-current": here ? "page" : null,
          onclick: (event) => {
            event.preventDefault();
            open(board.uid, new URLSearchParams({ range: page.range, refresh: page.refresh }));
          },
        },
        board.title,
      );
    }),
  );
  options($("range"), RANGES, page.range);
  options($("refresh"), REFRESHES, page.refresh);
  $("now").textContent = page.end ? "Back to now" : "Now";
}

async function variables() {
  const models = (page.board.templating.list || []).filter((one) => one.type !== "datasource");
  let found;
  try {
    found = await ask(`api/boards/${page.board.uid}/variables`, parameters());
  } catch {
    return;
  } // the panels will say what is wrong
  page.choices = found.chosen;
  const labels = models.map((model) => {
    const chosen = new Set(found.chosen[model.name]);
    const offers = [
      ...(model.includeAll ? [[ALL, "All"]] : []),
      ...(found.offers[model.name] || []).map((value) => [value, value]),
    ];
    const select = make(
      "select",
      {
        id: `var-${model.name}`,
        onchange: (event) => {
          page.choices[model.name] = [event.target.value];
          everything();
        },
      },
      ...offers.map(([value, name]) => make("option", { value, selected: chosen.has(value) }, name)),
    );
    return make("label", {}, `${model.label || model.name} `, select);
  });
  if (!$("variables").contains(document.activeElement)) $("variables").replaceChildren(...labels);
}

// --- drawing

function layout() {
  for (const panel of page.panels) panel.close();
  page.panels = [];
  const nodes = flat(page.board.panels).map((model) => {
    const { x, y, w, h } = model.gridPos;
    const place = { "--x": x + 1, "--y": y + 1, "--w": w, "--h": h };
    if (model.type === "row") {
      const row = make("h2", { class: "row" }, model.title);
      row.style.gridRow = String(y + 1);
      return row;
    }
    const panel = new Panel(model, place, {
      zoom,
      ask: (points) => ask(`api/boards/${page.board.uid}/panels/${model.id}`, parameters(points)),
    });
    page.panels.push(panel);
    return panel.node;
  });
  $("board").replaceChildren(...nodes);
}

function flat(panels) {
  return panels.flatMap((panel) => [panel, ...(panel.panels || [])]);
}

function zoom(from, to) {
  page.range = Math.max(60, Math.round(to - from));
  page.end = Math.round(Math.max(to, from + 60));
  header();
  everything();
}

async function everything() {
  clearTimeout(page.timer);
  const turn = ++page.turn;
  remember();
  await variables();
  await Promise.all([alerts($("alerts")), ...page.panels.map((panel) => panel.refresh())]);
  if (turn !== page.turn) return;
  document.documentElement.dataset.drawn = String(turn); // tests wait for this
  if (page.refresh && !page.end)
    page.timer = setTimeout(() => {
      if (!document.hidden) everything();
    }, page.refresh * 1000);
}

async function open(uid, found) {
  page.board = await ask(`api/boards/${uid}`);
  recall(found);
  document.title = `${page.board.title} · Tidewatch`;
  $("variables").replaceChildren();
  header();
  layout();
  await everything();
}

function themed(name) {
  document.documentElement.dataset.theme = name;
  localStorage.setItem("tidewatch-theme", name);
  for (const panel of page.panels) panel.redraw();
}

async function start() {
  const wished = new URLSearchParams(location.search);
  const asked = wished.get("theme") || localStorage.getItem("tidewatch-theme");
  const usual = matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark";
  themed(["light", "dark"].includes(asked) ? asked : usual);
  $("theme").addEventListener("click", () =>
    themed(document.documentElement.dataset.theme === "light" ? "dark" : "light"),
  );
  $("range").addEventListener("change", (event) => {
    page.range = Number(event.target.value);
    page.end = null;
    header();
    everything();
  });
  $("refresh").addEventListener("change", (event) => {
    page.refresh = Number(event.target.value);
    everything();
  });
  $("now").addEventListener("click", () => {
    page.end = null;
    header();
    everything();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape")
      for (const about of document.querySelectorAll("details.about[open]")) about.open = false;
  });
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && page.refresh && !page.end) everything();
  });
  try {
    page.boards = await ask("api/boards");
    const first =
      page.boards.find((board) => board.uid === wished.get("board")) ||
      page.boards.find((board) => board.uid === "tidewatch-site") ||
      page.boards[0];
    await open(first.uid, wished);
  } catch (error) {
    $("board").replaceChildren(make("p", { class: "nothing" }, error.message));
  }
}

start();
