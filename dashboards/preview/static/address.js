// The page's address: which board, which range, which choices. Grafana's from and to are understood, too. Pure: no DOM.

const LEAST_S = 60,
  MOST_S = 400 * 86400;
const SECONDS = { s: 1, m: 60, h: 3600, d: 86400, w: 604800 };
const OWN = ["board", "range", "end", "refresh", "theme", "from", "to", "viewPanel", "orgId", "timezone", "kiosk"];

// Seconds of "now-30m", "30m"; 0 for what is no such text.
export function ago(text) {
  const [, number, unit] = /^(?:now-)?(\d+)([smhdw])$/.exec(text || "") || [];
  return number ? Number(number) * SECONDS[unit] : 0;
}

// {range, end, refresh, view, choices, wrong}: `wrong` says what in the address cannot be, and what would be right.
export function read(found, board) {
  const wrong = [];
  const whole = (name, usual, least, most, example) => {
    const text = found.get(name);
    if (text === null) return usual;
    if (/^\d{1,12}$/.test(text) && Number(text) >= least && Number(text) <= most) return Number(text);
    wrong.push(`invalid ${name} "${text.slice(0, 40)}": expected whole seconds from ${least} to ${most}, for example ${example}`);
    return usual;
  };
  let range = whole("range", ago(board.time?.from) || 1800, LEAST_S, MOST_S, 1800);
  let end = whole("end", null, 1, 1e11, Math.round(Date.now() / 1000));
  const refresh = whole("refresh", ago(board.refresh) || 10, 0, 86400, 10);
  const [from, to] = [moment(found.get("from")), moment(found.get("to"))];
  for (const [name, value] of [["from", from], ["to", to]])
    if (Number.isNaN(value)) wrong.push(`invalid ${name} "${found.get(name).slice(0, 40)}": expected Unix milliseconds or for example now-6h`);
  if (from > 0) {
    range = Math.max(LEAST_S, Math.min(MOST_S, Math.round((to || Date.now() / 1000) - from)));
    end = found.get("to") && found.get("to") !== "now" && to ? Math.round(to) : null;
  }
  const view = (found.get("viewPanel") || "").replace(/^panel-/, "") || null;
  if (view && !flat(board.panels || []).some((panel) => String(panel.id) === view))
    wrong.push(`"${board.title}" has no panel ${view.slice(0, 20)}`);
  const choices = {};
  for (const [key, value] of found) {
    if (key.startsWith("var-")) (choices[key.slice(4)] ||= []).push(value);
    else if (!OWN.includes(key)) wrong.push(`unknown "${key.slice(0, 40)}" in the address: expected ${OWN.slice(0, 5).join(", ")} or var-NAME`);
  }
  delete choices.datasource; // here there is one Prometheus
  return { range, end, refresh, view, choices, wrong };
}

export function flat(panels) {
  return panels.flatMap((panel) => [panel, ...(panel.panels || [])]);
}

// Unix seconds of Grafana's from or to; undefined where there is none, NaN where it cannot be read.
function moment(text) {
  if (text === null || text === "") return undefined;
  if (text === "now") return Date.now() / 1000;
  if (/^\d{10,14}$/.test(text)) return Number(text) / 1000;
  if (ago(text) && text.startsWith("now-")) return Date.now() / 1000 - ago(text);
  return Date.parse(text) / 1000;
}

// The choices that the board does not offer now, said in words; `found` is what the server made of them. A variable
// that the board does not have is none of its business: links between boards carry them.
export function misfits(choices, found) {
  return Object.entries(choices).flatMap(([name, values]) => {
    const gone = name in found ? values.filter((value) => !found[name].includes(value)) : [];
    if (!gone.length) return [];
    const now = found[name].map((value) => (value === "$__all" ? "All" : value)).join(", ");
    const said = gone.join(", ").slice(0, 60);
    return [`${name} "${said}" is not offered here: Grafana would show no data, this page shows ${now}`];
  });
}

export function written({ board, range, end, refresh, choices }) {
  const found = new URLSearchParams({ board, range });
  if (refresh !== undefined) found.set("refresh", refresh);
  if (end) found.set("end", end);
  for (const [name, values] of Object.entries(choices)) for (const value of values) found.append(`var-${name}`, value);
  return found;
}
