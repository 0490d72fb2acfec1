// The page: which board, which range, which choices; every panel asked, drawn, and drawn again.

import { misfits, read, written } from "./address.js";
import { alerts } from "./alerts.js";
import { ask } from "./ask.js";
import { control } from "./choices.js";
import { anchor, make } from "./dom.js";
import { placed } from "./grafana/layout.js";
import { plainLinks } from "./grafana/links.js";
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
const HOME = ["tidewatch", "tidewatch-site"]; // the board that the page opens with
const $ = (id) => document.getElementById(id);

const page = {
  boards: [],
  board: null,
  panels: [],
  choices: {},
  range: 1800,
  end: null,
  refresh: 10,
  view: null,
  folded: new Map(),
  marks: [],
  unmarked: new Set(),
  wrong: [],
  timer: 0,
  turn: 0,
};

function parameters(points, scope = {}) {
  const { range, end, choices } = page;
  const found = written({ board: "", range, end, choices: { ...choices, ...scope } });
  found.delete("board");
  if (points) found.set("points", points);
  return found;
}

// --- the address bar holds the state, so that a view can be sent to somebody, and so that Back goes back

function remember(push = false, zoom = history.state?.zoom || 0) {
  const { board, range, end, refresh, choices } = page;
  const address = `?${written({ board: board.uid, range, end, refresh, choices })}`;
  if (push && address !== location.search) history.pushState({ zoom }, "", address);
  else history.replaceState({ zoom }, "", address);
}

function recall(found) {
  const { wrong, ...state } = read(found, page.board);
  Object.assign(page, state);
  page.wrong = wrong;
}

function goTo(range, end, zoom = 0) {
  Object.assign(page, { range, end, wrong: [] });
  remember(true, zoom);
  header();
  everything();
}

function zoom(from, to) {
  const range = Math.max(60, Math.round(to - from));
  goTo(range, Math.round(Math.max(to, from + 60)), (history.state?.zoom || 0) + 1);
}

// Where the reader was before the last zoom.
function back() {
  if (history.state?.zoom) history.back();
}

function move(steps) {
  const now = Math.round(Date.now() / 1000);
  const end = (page.end || now) + steps * Math.round(page.range / 2);
  goTo(page.range, end >= now ? null : end);
}

function wider() {
  const end = page.end && page.end + Math.round(page.range / 2);
  const now = Math.round(Date.now() / 1000);
  goTo(Math.min(page.range * 2, 400 * 86400), end && end < now ? end : null);
}

// --- header

function lasting(s) {
  if (s < 120) return `${s} s`;
  if (s < 7200) return `${Math.round(s / 60)} minutes`;
  return s < 172800 ? `${Math.round(s / 3600)} hours` : `${Math.round(s / 86400)} days`;
}

function options(select, pairs, chosen) {
  const all = pairs.some(([value]) => value === chosen) ? pairs : [...pairs, [chosen, lasting(chosen)]];
  select.replaceChildren(...all.map(([value, name]) => make("option", { value, selected: value === chosen }, name)));
}

// A board's address; range and choices go with it where the open board's own links say so.
function addressOf(uid) {
  const [{ keepTime = true, includeVars = false } = {}] = (page.board.links || []).filter(({ type }) => type === "dashboards");
  const { range, end, refresh, choices } = page;
  const found = written({ board: uid, range, end, refresh, choices: includeVars ? choices : {} });
  if (!keepTime) for (const name of ["range", "end"]) found.delete(name);
  return `?${found}`;
}

function header() {
  const links = page.boards.map((board) =>
    make(
      "a",
      {
        href: addressOf(board.uid),
        title: board.description,
        "aria-current": board.uid === page.board.uid ? "page" : null,
      },
      board.title,
    ),
  );
  const own = (page.board.links || []).filter(({ type }) => type === "link");
  $("boards").replaceChildren(...links, ...plainLinks(own, scope()).map((link) => anchor(link)));
  options($("range"), RANGES, page.range);
  options($("refresh"), REFRESHES, page.refresh);
  $("now").textContent = page.end ? "Back to now" : "Now";
  $("until").textContent = page.end ? `until ${new Date(page.end * 1000).toLocaleString()}` : "";
}

function say(wrong) {
  $("wrong").hidden = !wrong.length;
  $("wrong").replaceChildren(...wrong.map((words) => make("p", {}, words)));
}

const FIXED = ["datasource", "constant"]; // nothing to choose
const variableList = () => page.board.templating?.list || [];

async function variables() {
  const models = variableList().filter((one) => !FIXED.includes(one.type) && one.hide !== 2);
  const asked = page.choices;
  let found;
  try {
    found = await ask(`api/boards/${page.board.uid}/variables`, parameters());
  } catch {
    return;
  } // the panels will say what is wrong
  page.choices = found.chosen;
  page.wrong.push(...misfits(asked, found.chosen));
  remember();
  const controls = models.map((model) =>
    control(model, found.offers[model.name] || [], found.chosen[model.name], (values) => {
      page.choices[model.name] = values;
      page.wrong = [];
      remember();
      if (repeats()) layout();
      everything();
    }),
  );
  if (!$("variables").contains(document.activeElement)) $("variables").replaceChildren(...controls, ...toggles());
  if (repeats()) layout(found);
}

// Each annotation query can be switched on and off, as in Grafana.
function toggles() {
  const queries = (page.board.annotations?.list || []).filter(({ hide, expr }) => expr && !hide);
  return queries.map(({ name, iconColor }) => {
    const box = make("input", { type: "checkbox", checked: !page.unmarked.has(name) });
    box.addEventListener("change", () => {
      if (box.checked) page.unmarked.delete(name);
      else page.unmarked.add(name);
      for (const panel of page.panels) panel.redraw();
    });
    return make("label", { class: "annotation", "--colour": iconColor }, box, ` ${name}`);
  });
}

// --- drawing

const repeats = () => (page.board.panels || []).some((panel) => panel.repeat || (panel.panels || []).some((p) => p.repeat));

// The values that a repeated row or panel stands for: those chosen, or all that are offered.
function values(name, offers) {
  const chosen = page.choices[name] || [];
  return chosen.includes("$__all") ? offers[name] || [] : chosen;
}

function layout({ offers = {} } = {}) {
  const folded = (id, usual) => page.folded.get(id) ?? usual;
  const items = placed(page.board.panels || [], (name) => values(name, offers), folded);
  const key = JSON.stringify(items.map(({ id, place, scope: own, closed }) => [id, place, own, closed]));
  if (key === page.laid) return;
  page.laid = key;
  for (const panel of page.panels) panel.close();
  page.panels = [];
  const nodes = items.map((item) => {
    const own = { ...item, title: titled(item.model.title || "", item.scope) };
    if (item.model.type === "row") return rowHead(own, offers);
    const panel = new Panel(own, {
      zoom,
      back,
      scope,
      links: (found, mine) => plainLinks(found, scope(mine)),
      marks,
      ask: (points, mine) => ask(`api/boards/${page.board.uid}/panels/${item.model.id}`, parameters(points, mine)),
    });
    page.panels.push(panel);
    return panel.node;
  });
  $("board").replaceChildren(...nodes);
  aim();
}

function titled(title, own) {
  const all = { ...page.choices, ...own };
  return title.replace(/\$\{(\w+)(?::\w+)?\}|\$(\w+)/g, (whole, braced, plain) => {
    const chosen = all[braced || plain];
    return chosen ? chosen.map((value) => (value === "$__all" ? "All" : value)).join(" + ") : whole;
  });
}

function rowHead({ id, title, place, closed }, offers) {
  const fold = make(
    "button",
    {
      type: "button",
      "aria-expanded": String(!closed),
      onclick: () => {
        page.folded.set(id, !closed);
        layout({ offers });
        $(`row-${id}`).querySelector("button").focus({ preventScroll: true });
        everything();
      },
    },
    title,
  );
  const row = make("h2", { class: "row", id: `row-${id}` }, fold);
  row.style.gridRow = String(place.y + 1);
  return row;
}

// The range and the choices as links of Grafana's name them.
function scope(own = {}) {
  const to = page.end ? page.end * 1000 : Date.now();
  const range = page.end ? { from: to - page.range * 1000, to } : { from: `now-${page.range}s`, to: "now" };
  const constants = variableList().filter(({ type }) => type === "constant");
  const fixed = Object.fromEntries(constants.map(({ name, query }) => [name, [query]]));
  return { range, variables: { ...fixed, ...page.choices, ...own }, fixed: Object.keys(fixed) };
}

function marks(id) {
  return page.marks
    .filter(({ name }) => !page.unmarked.has(name))
    .filter(({ panels, exclude }) => !panels.length || panels.includes(id) !== exclude)
    .flatMap(({ marks: found, colour }) => found.map((mark) => ({ ...mark, colour })));
}

async function annotate() {
  try {
    page.marks = await ask(`api/boards/${page.board.uid}/annotations`, parameters());
  } catch {
    page.marks = []; // the panels say what is wrong with Prometheus
  }
}

async function everything() {
  clearTimeout(page.timer);
  const turn = ++page.turn;
  await variables();
  if (turn !== page.turn) return;
  say(page.wrong);
  await annotate();
  if (turn !== page.turn) return;
  await Promise.all([alerts($("alerts")), ...page.panels.map((panel) => panel.refresh())]);
  if (turn !== page.turn) return;
  document.documentElement.dataset.drawn = String(turn); // tests wait for this
  if (page.refresh && !page.end)
    page.timer = setTimeout(() => {
      if (!document.hidden) everything();
    }, page.refresh * 1000);
}

async function open(uid, found) {
  if (page.board?.uid !== uid) {
    page.board = await ask(`api/boards/${encodeURIComponent(uid)}`);
    page.folded.clear();
    page.unmarked = new Set((page.board.annotations?.list || []).filter(({ enable }) => !enable).map(({ name }) => name));
    page.laid = null;
    $("variables").replaceChildren();
  }
  recall(found);
  document.title = `${page.board.title} · Tidewatch`;
  header();
  layout();
}

// Shows the panel that the address names.
function aim() {
  const node = page.view && $(`panel-${page.view}`);
  if (!node) return;
  node.classList.add("aimed");
  node.scrollIntoView({ block: "center" });
}

function themed(name) {
  document.documentElement.dataset.theme = name;
  localStorage.setItem("tidewatch-theme", name);
  for (const panel of page.panels) panel.redraw();
}

function controls() {
  $("theme").addEventListener("click", () =>
    themed(document.documentElement.dataset.theme === "light" ? "dark" : "light"),
  );
  $("range").addEventListener("change", (event) => goTo(Number(event.target.value), null));
  $("refresh").addEventListener("change", (event) => {
    page.refresh = Number(event.target.value);
    remember();
    everything();
  });
  $("now").addEventListener("click", () => goTo(page.range, null));
  $("earlier").addEventListener("click", () => move(-1));
  $("later").addEventListener("click", () => move(1));
  $("wider").addEventListener("click", wider);
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const opened = document.querySelectorAll("details.about[open], details.several[open], details.alerts[open]");
    for (const one of opened) one.open = false;
    if (!opened.length) back();
  });
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && page.refresh && !page.end) everything();
  });
  addEventListener("popstate", () => show().catch(failed));
}

// What the address says, on the page.
async function show() {
  const found = new URLSearchParams(location.search);
  const known = (uid) => page.boards.find((board) => board.uid === uid);
  const wished = known(found.get("board"));
  const first = wished || HOME.map(known).find(Boolean) || page.boards[0];
  await open(first.uid, found);
  if (found.get("board") && !wished)
    page.wrong.unshift(
      `there is no board "${found.get("board").slice(0, 60)}": expected ${page.boards.map(({ uid }) => uid).join(", ")}`,
    );
  say(page.wrong);
  remember();
  await everything();
}

function failed(error) {
  $("board").replaceChildren(make("p", { class: "nothing" }, error.message));
}

async function start() {
  const asked = new URLSearchParams(location.search).get("theme") || localStorage.getItem("tidewatch-theme");
  const usual = matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark";
  themed(["light", "dark"].includes(asked) ? asked : usual);
  controls();
  try {
    const boards = await ask("api/boards");
    const home = boards.filter(({ uid }) => uid === HOME[0]);
    page.boards = [...home, ...boards.filter(({ uid }) => uid !== HOME[0])];
    await show();
  } catch (error) {
    failed(error);
  }
}

start();
