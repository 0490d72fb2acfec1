// The board's variables as the reader chooses them: a list for one value, boxes to tick for several.

import { make } from "./dom.js";

const ALL = "$__all";
const nameOf = (value) => (value === ALL ? "All" : value);

// A control for one variable; `choose(values)` is called with a new choice.
export function control(model, offers, chosen, choose) {
  const values = [...(model.includeAll ? [ALL] : []), ...offers];
  const name = model.label || model.name;
  return model.multi ? several(model, name, values, chosen, choose) : one(model, name, values, chosen, choose);
}

function one(model, name, values, chosen, choose) {
  const select = make(
    "select",
    { id: `var-${model.name}`, onchange: (event) => choose([event.target.value]) },
    ...values.map((value) => make("option", { value, selected: chosen.includes(value) }, nameOf(value))),
  );
  return make("label", {}, `${name} `, select);
}

function several(model, name, values, chosen, choose) {
  let now = [...chosen];
  const said = make("b", {}, now.map(nameOf).join(" + "));
  const boxes = values.map((value) => {
    const box = make("input", { type: "checkbox", value, checked: now.includes(value) });
    box.addEventListener("change", () => {
      if (value === ALL || (box.checked && now.includes(ALL))) now = [value];
      else now = box.checked ? [...now, value] : now.filter((other) => other !== value);
      if (!now.length) now = [values[0]];
      for (const other of boxes) other.checked = now.includes(other.value);
      said.textContent = now.map(nameOf).join(" + ");
      choose([...now]);
    });
    return box;
  });
  const items = boxes.map((box, i) => make("label", {}, box, ` ${nameOf(values[i])}`));
  return make(
    "details",
    { class: "several", id: `var-${model.name}` },
    make("summary", {}, `${name} `, said),
    make("div", {}, ...items),
  );
}
