// Rows in pages, as Grafana shows them where there are more than a page holds.

import { make } from "../dom.js";

// {shown, pager}: the rows of the page that the reader is at, and what turns it; no pager for a single page.
export function paged(rows, size, page) {
  const count = Math.max(1, Math.ceil(rows.length / size));
  const at = Math.min(page.turned.at, count - 1);
  const shown = rows.slice(at * size, (at + 1) * size);
  if (count === 1) return { shown, pager: null };
  const button = (to, name, text) =>
    make(
      "button",
      {
        type: "button",
        title: name,
        "aria-label": name,
        disabled: to < 0 || to >= count,
        onclick: () => page.turn(to),
      },
      text,
    );
  const pager = make(
    "div",
    { class: "pager", role: "group", "aria-label": "Pages" },
    button(at - 1, "Previous page", "‹"),
    make("span", {}, `${at * size + 1} - ${at * size + shown.length} of ${rows.length} rows`),
    button(at + 1, "Next page", "›"),
  );
  return { shown, pager };
}
