// Names that do not fit, cut so that they stay different. Pure: no DOM.

const DOTS = "…";

// How many of the last characters must stay so that names which differ also differ when their middle is cut.
export function tailLength(names, head = 10, most = 28) {
  const wanted = new Set(names).size;
  for (let tail = 6; tail < most; tail++)
    if (new Set(names.map((name) => name.slice(0, head) + "\0" + name.slice(-tail))).size === wanted) return tail;
  return most;
}

// The names in at most `most` characters each, all different where the names are.
export function cut(names, most) {
  if (names.every((name) => name.length <= most)) return [...names];
  const wanted = new Set(names).size;
  for (let tail = Math.floor(most / 3); tail < most - 1; tail++) {
    const found = names.map((name) => middle(name, most, tail));
    if (new Set(found).size === wanted) return found;
  }
  return numbered(names, names.map((name) => middle(name, most, Math.floor(most / 3))), most);
}

function middle(name, most, tail) {
  return name.length <= most ? name : name.slice(0, most - 1 - tail) + DOTS + name.slice(name.length - tail);
}

// Names that differ only in what is cut get a number.
function numbered(names, short, most) {
  const seen = new Map(); // a cut name to the whole names that it stands for
  return short.map((text, i) => {
    const whole = seen.get(text) || [];
    seen.set(text, whole);
    if (!whole.includes(names[i])) whole.push(names[i]);
    const place = whole.indexOf(names[i]);
    const mark = ` ${place + 1}`;
    return place ? text.slice(0, most - mark.length) + mark : text;
  });
}
