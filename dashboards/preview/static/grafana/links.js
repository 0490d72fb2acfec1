// Data links as Grafana fills them in: labels, names, values, the range and the choices. Pure: no DOM.

import { reads } from "./field.js";

const VARIABLE = /\$\{([^}:]+)(?::([^}]+))?\}|\$(__\w+|\w+)/g;

// The links of a field for one of its values: [{title, url, blank}]. `row` is the place of the value, `all` the fields
// beside it (the columns of a table), `board` {range, variables, fixed}: the range as {from, to}, the choices by name,
// and the names of those that are constants, such as an address. Where an address needs a label or a column that the row
// does not have, there is no link: it would choose nothing.
export function links(field, row, all, board) {
  const scope = { field, row, all, board };
  return (field.config.links || [])
    .filter(({ url }) => !lacks(url || "", scope))
    .map(({ title, url, targetBlank }) => ({
      title: filled(title || "", scope, String) || "Open",
      url: here(filled(url || "", scope, encodeURIComponent)),
      blank: Boolean(targetBlank),
    }))
    .filter(({ url }) => url);
}

// The links of a panel, or of a board, which know no value.
export function plainLinks(found, board) {
  return links({ config: { links: found }, labels: {}, name: "", values: [] }, 0, [], board);
}

// Whether an address names a label, a column or a value that is not there.
const OF_ROW = /^__(field\.labels|data\.fields|value)\b/;

function lacks(url, scope) {
  return [...url.matchAll(VARIABLE)].some(([, braced, format, plain]) => {
    const name = braced || plain;
    return OF_ROW.test(name) && known(name, format, scope) === "";
  });
}

function filled(text, scope, encoded) {
  return text.replace(VARIABLE, (found, braced, format, plain) => {
    const name = braced || plain;
    const value = known(name, format, scope);
    if (value === undefined) return found;
    const whole = ["queryparam", "raw"].includes(format) || ["__url_time_range", "__all_variables"].includes(name);
    return whole || scope.board.fixed?.includes(name) ? value : encoded(value);
  });
}

function known(name, format, { field, row, all, board }) {
  const [, label] = /^__field\.labels\.(.+)$/.exec(name) || /^__field\.labels\["?([^"\]]+)"?\]$/.exec(name) || [];
  if (label) return field.labels[label] ?? "";
  const [, column] = /^__data\.fields\.(.+)$/.exec(name) || /^__data\.fields\["?([^"\]]+)"?\]$/.exec(name) || [];
  if (column !== undefined) {
    const other = all.find((one) => one.name === column) || all[Number(column)];
    return other ? String(other.values[row] ?? "") : "";
  }
  const { range, variables } = board;
  const value = field.values[row];
  const own = {
    "__field.name": field.name,
    "__series.name": field.name,
    "__value.raw": String(value ?? ""),
    "__value.numeric": String(value ?? ""),
    "__value.text": field.config ? reads(field, value ?? null) : "",
    __url_time_range: `from=${range.from}&to=${range.to}`,
    __from: String(range.from),
    __to: String(range.to),
    __all_variables: Object.keys(variables)
      .filter((one) => !board.fixed?.includes(one))
      .map((one) => parameters(one, variables))
      .filter(Boolean)
      .join("&"),
  };
  if (name in own) return own[name];
  if (name === "datasource") return ""; // here there is one Prometheus
  if (!(name in variables)) return undefined;
  return format === "queryparam" ? parameters(name, variables) : variables[name].join(",");
}

function parameters(name, variables) {
  return variables[name].map((value) => `var-${name}=${encodeURIComponent(value)}`).join("&");
}

// A board's address in Grafana leads to the same board on this page; nothing but http(s) and paths is a link.
function here(url) {
  const [, uid, query = ""] = /^(?:https?:\/\/[^/?#]+)?\/?d\/([\w-]+)(?:\/[\w-]*)?(?:\?(.*))?$/.exec(url) || [];
  if (uid) return `?board=${uid}${query ? `&${query}` : ""}`;
  return /^(https?:\/\/|\/|\?)/.test(url) ? url : "";
}
