"""The receiver's pages as HTML. Pure: everything that came from outside is escaped here."""

import re
from collections.abc import Iterable
from datetime import datetime
from html import escape

from alerts.notifications import Alert, Notification

REFRESH_S = 5

_HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
{refresh}<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 75rem; margin: 1.5rem auto; padding: 0 1rem; }}
table {{ border-collapse: collapse; width: 100%; }}
caption {{ text-align: left; font-weight: 600; padding: .5rem 0; }}
th, td {{ text-align: left; vertical-align: top; padding: .4rem .8rem .4rem 0; border-bottom: 1px solid #8886; }}
td.number {{ text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }}
.firing {{ color: light-dark(#b00020, #ff8a80); font-weight: 600; }}
.resolved {{ color: light-dark(#1b6e20, #8bd68f); }}
.silent {{ border-left: .4rem solid #b00020; padding-left: .8rem; font-weight: 600; }}
pre {{ white-space: pre-wrap; font-size: .9rem; }}
:target {{ background: #ffd54a44; }}
</style></head><body><main>
"""
_TAIL = "</main></body></html>\n"


def notifications_page(newest_first: Iterable[Notification], heartbeat: str, *, heartbeat_silent: bool) -> str:
    """The page at /: one row an alert of each notification. `heartbeat` says how the watchdog is."""
    rows = "".join(
        _row(alert, notification.received_at)
        for notification in newest_first
        if notification.received_at
        for alert in notification.alerts
    )
    table = (
        "<table><caption>Newest first</caption><thead><tr>"
        '<th scope="col">Received (UTC)</th><th scope="col">Status</th>'
        '<th scope="col">Alert</th><th scope="col">Severity</th><th scope="col">Summary</th>'
        f'<th scope="col">Delay</th></tr></thead><tbody>{rows}</tbody></table>'
        if rows
        else "<p>Nothing was delivered yet.</p>"
    )
    return (
        _HEAD.format(title="Delivered alerts", refresh=f'<meta http-equiv="refresh" content="{REFRESH_S}">')
        + "<h1>Delivered alerts</h1>"
        + f'<p role="status"{" class=silent" if heartbeat_silent else ""}>{escape(heartbeat)}</p>'
        + table
        + '<p>The same as <a href="/notifications">JSON</a>. What to do: <a href="/runbooks">runbooks</a>.</p>'
        + _TAIL
    )


def _row(alert: Alert, received_at: datetime) -> str:
    name = escape(alert.labels.get("alertname", "?"))
    links = "".join(
        f' <a href="{escape(url)}">{word}</a>'
        for word, url in (
            ("runbook", alert.annotations.get("runbook_url", "")),
            ("dashboard", alert.annotations.get("dashboard_url", "")),
        )
        if url.startswith(("http://", "https://"))  # no other scheme: javascript: would run here
    )
    return (
        f'<tr><td><time datetime="{received_at.isoformat()}">{received_at:%Y-%m-%d %H:%M:%S}</time></td>'
        f'<td class="{alert.status}">{alert.status}</td><th scope="row">{name}</th>'
        f"<td>{escape(alert.labels.get('severity', '?'))}</td>"
        f"<td>{escape(alert.annotations.get('summary', ''))}{links}</td>"
        f'<td class="number">{alert.delay_s(received_at):.1f} s</td></tr>'
    )


def anchor(heading: str) -> str:
    """The fragment that names a heading, as the usual Markdown viewers make it."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def runbooks_page(markdown: str) -> str:
    """Markdown as its own text, but with headings that links can name; good enough to read at night."""
    parts = [_HEAD.format(title="Runbooks", refresh=""), "<pre>"]
    for text in markdown.splitlines():
        heading = re.match(r"(#{1,6}) (.+)", text)
        if heading:
            level = len(heading[1])
            parts.append(f'</pre><h{level} id="{escape(anchor(heading[2]))}">{escape(heading[2])}</h{level}><pre>')
        else:
            parts.append(escape(text) + "\n")
    return "".join([*parts, "</pre>", _TAIL])
