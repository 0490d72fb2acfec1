// The line above the board: how many alerts fire and which is the worst; it opens to all of them.

import { ask } from "./ask.js";
import { anchor, make } from "./dom.js";
import { plainLinks } from "./grafana/links.js";

// Draws the line of firing alerts anew, open if it was open; it never fails, it says what it does not know.
export async function alerts(box) {
  try {
    const firing = await ask("api/alerts");
    if (!firing.length) box.replaceChildren(make("p", { class: "quiet" }, "No alert is firing"));
    else draw(box, firing);
  } catch (error) {
    box.replaceChildren(make("p", { class: "quiet unknown" }, `Alerts are not known: ${error.message}`));
  }
}

const grave = ({ severity }) => ["page", "critical"].includes(severity);

function draw(box, firing) {
  const loud = firing.filter((alert) => !alert.silenced);
  const [worst] = firing;
  const line = make(
    "summary",
    {},
    make("b", {}, counted(loud, firing.length - loud.length)),
    make("span", { class: "what" }, `${worst.name}: ${worst.summary}`),
    make("span", { class: "meta" }, since(worst.since)),
  );
  const list = make("ul", {}, ...firing.map(item));
  const kind = loud.some(grave) ? "page" : loud.length ? "" : "silenced";
  const old = box.querySelector("details");
  if (!old) return box.replaceChildren(make("details", { class: `alerts ${kind}` }, line, list));
  const focused = old.contains(document.activeElement);
  old.className = `alerts ${kind}`;
  old.replaceChildren(line, list);
  if (focused) line.focus({ preventScroll: true });
}

function counted(loud, silenced) {
  const pages = loud.filter(grave).length;
  const said = loud.length === 1 ? "1 alert fires" : `${loud.length} alerts fire`;
  return [said, pages ? `${pages} of them ${pages === 1 ? "pages" : "page"}` : "", silenced ? `${silenced} silenced` : ""]
    .filter(Boolean)
    .join(", ");
}

function item(alert) {
  const labels = Object.entries(alert.labels || {}).map(([name, value]) => `${name}=${value}`);
  const links = plainLinks(
    [
      { title: "board", url: alert.board },
      { title: "runbook", url: alert.runbook },
    ],
    { range: {}, variables: {} },
  );
  return make(
    "li",
    { class: `alert ${grave(alert) ? "page" : ""} ${alert.silenced ? "silenced" : ""}`, title: alert.description },
    make("b", {}, alert.name),
    make("span", { class: "what" }, alert.summary),
    make("span", { class: "meta" }, labels.join(" ")),
    make(
      "span",
      { class: "meta" },
      [alert.severity, since(alert.since), alert.silenced ? "silenced" : ""].filter(Boolean).join(" · "),
    ),
    ...links.map((link) => {
      const node = anchor(link);
      node.setAttribute("aria-label", `${link.title} of ${alert.name}`);
      return node;
    }),
  );
}

function since(stamp) {
  const s = Math.max(0, (Date.now() - Date.parse(stamp)) / 1000);
  if (!Number.isFinite(s)) return "";
  if (s < 100) return `for ${Math.round(s)} s`;
  if (s < 6000) return `for ${Math.round(s / 60)} min`;
  return s < 172800 ? `for ${Math.round(s / 3600)} h` : `for ${Math.round(s / 86400)} d`;
}
