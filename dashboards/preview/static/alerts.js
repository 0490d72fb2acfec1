// The strip above the board: which alerts fire, how bad, since when.

import { ask } from "./ask.js";
import { make } from "./dom.js";

// Draws the strip of firing alerts anew; it never fails, it says what it does not know.
export async function alerts(box) {
  try {
    const firing = await ask("api/alerts");
    const shown = firing.slice(0, 6).map((alert) =>
      make(
        "div",
        {
          class: `alert ${["page", "critical"].includes(alert.severity) ? "page" : ""} ${alert.silenced ? "silenced" : ""}`,
          title: alert.description,
        },
        make("b", {}, alert.name),
        make("span", { class: "what" }, alert.summary),
        make(
          "span",
          { class: "meta" },
          [alert.severity, since(alert.since), alert.silenced ? "silenced" : ""].filter(Boolean).join(" · "),
        ),
        /^https?:\/\//.test(alert.runbook)
          ? make(
              "a",
              {
                class: "meta",
                href: alert.runbook,
                rel: "noreferrer",
                "aria-label": `Runbook of ${alert.name}`,
              },
              "runbook",
            )
          : null,
      ),
    );
    if (firing.length > 6) shown.push(make("div", { class: "alert" }, `and ${firing.length - 6} more`));
    box.replaceChildren(...(shown.length ? shown : [make("div", { class: "quiet" }, "No alert is firing")]));
  } catch (error) {
    box.replaceChildren(make("div", { class: "quiet unknown" }, `Alerts are not known: ${error.message}`));
  }
}

function since(stamp) {
  const s = Math.max(0, (Date.now() - Date.parse(stamp)) / 1000);
  if (!Number.isFinite(s)) return "";
  return s < 100
    ? `for ${Math.round(s)} s`
    : s < 6000
      ? `for ${Math.round(s / 60)} min`
      : `for ${Math.round(s / 3600)} h`;
}
