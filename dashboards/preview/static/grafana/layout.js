// The board's panels as they stand on the page: rows, collapsed rows, panels and rows that repeat for a variable's
// values, on Grafana's grid of 24 columns. Pure: no DOM.

const COLUMNS = 24;

// [{model, place: {x, y, w, h}, scope, hidden}] from top to bottom. `values(name)` gives the values that are chosen of a
// variable; `folded` says of a row's id whether it is closed.
export function placed(panels, values, folded) {
  const found = [];
  let down = 0; // how far what was repeated or folded has moved the rest
  for (const section of sections(panels)) {
    const times = section.row?.repeat ? values(section.row.repeat) : [null];
    for (const [i, value] of (times.length ? times : [null]).entries()) {
      const scope = value === null ? {} : { [section.row.repeat]: [value] };
      const key = value === null ? "" : `-${i}`;
      const { height, items } = unfolded(section, scope, values, folded, key);
      for (const item of items) found.push({ ...item, place: { ...item.place, y: item.place.y + down } });
      if (i < times.length - 1) down += height;
      else down += height - section.height;
    }
  }
  return found;
}

// A row with the panels below it, up to the next row; what stands above the first row is a section without one.
function sections(panels) {
  const sorted = [...panels].sort((a, b) => a.gridPos.y - b.gridPos.y || a.gridPos.x - b.gridPos.x);
  const found = [];
  for (const panel of sorted) {
    if (panel.type === "row") {
      const inside = panel.collapsed ? panel.panels || [] : [];
      found.push({ row: panel, panels: [...inside], top: panel.gridPos.y });
    } else {
      if (!found.length) found.push({ row: null, panels: [], top: panel.gridPos.y });
      found.at(-1).panels.push(panel);
    }
  }
  return found.map((section, i) => {
    const bottom = Math.max(
      section.row ? section.top + 1 : 0,
      ...section.panels.filter((p) => !section.row?.collapsed).map((p) => p.gridPos.y + p.gridPos.h),
    );
    return { ...section, height: (found[i + 1]?.top ?? bottom) - section.top };
  });
}

function unfolded({ row, panels, top }, scope, values, folded, key) {
  const items = [];
  const closed = row ? folded(`${row.id}${key}`, Boolean(row.collapsed)) : false;
  if (row) items.push({ model: row, id: `${row.id}${key}`, place: { ...row.gridPos, y: top, h: 1, w: COLUMNS }, scope, closed });
  if (closed) return { height: 1, items };
  const first = Math.min(...panels.map((panel) => panel.gridPos.y));
  let moved = row?.collapsed && panels.length ? top + 1 - first : 0;
  let bottom = top + (row ? 1 : 0);
  for (const panel of panels) {
    const copies = panel.repeat ? repeated(panel, scope[panel.repeat] || values(panel.repeat)) : [{ model: panel, place: panel.gridPos, scope: {} }];
    for (const [i, copy] of copies.entries()) {
      const place = { ...copy.place, y: copy.place.y + moved };
      items.push({ ...copy, id: `${panel.id}${key}${i ? `-r${i}` : ""}`, place, scope: { ...scope, ...copy.scope } });
      bottom = Math.max(bottom, place.y + place.h);
    }
    const tall = Math.max(...copies.map(({ place }) => place.y + place.h));
    moved += Math.max(0, tall - panel.gridPos.y - panel.gridPos.h);
  }
  return { height: bottom - top, items };
}

// A panel once a value: side by side in equal widths, at most maxPerRow of them, or one below the other.
function repeated(panel, values) {
  if (!values.length) return [{ model: panel, place: panel.gridPos, scope: {} }];
  const { x, y, w, h } = panel.gridPos;
  const across = panel.repeatDirection !== "v";
  const most = Math.min(values.length, panel.maxPerRow || 4);
  return values.map((value, i) => ({
    model: panel,
    scope: { [panel.repeat]: [value] },
    place: across
      ? { x: (i % most) * Math.floor(COLUMNS / most), y: y + Math.floor(i / most) * h, w: Math.floor(COLUMNS / most), h }
      : { x, y: y + i * h, w, h },
  }));
}
