"""The receiver's pages as HTML. Pure."""

import re
from collections.abc import Iterable
from typing import NamedTuple

from alerts.notifications import Notification
from foundation.page import render

REFRESH_S = 5


def notifications_page(newest_first: Iterable[Notification], heartbeat: str, *, heartbeat_silent: bool) -> str:
    """The page at /: one row per alert of each notification. `heartbeat` says how the watchdog is."""
    rows = [
        (alert, notification.received_at)
        for notification in newest_first
        if notification.received_at
        for alert in notification.alerts
    ]
    return render(
        "alerts",
        "notifications.html",
        rows=rows,
        heartbeat=heartbeat,
        heartbeat_silent=heartbeat_silent,
        refresh_s=REFRESH_S,
    )


class Heading(NamedTuple):
    """A heading of a Markdown text, 0 being the text before the first, and what stands below it."""

    level: int
    title: str
    anchor: str
    text: str


def anchor(heading: str) -> str:
    """The fragment that names a heading, as the usual Markdown viewers make it."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def runbooks_page(markdown: str) -> str:
    """Markdown as its own text, but with headings that links can name; good enough to read at night."""
    before, *parts = re.split(r"^(#{1,6}) (.+)\n?", markdown, flags=re.MULTILINE)
    headings = [Heading(0, "", "", before)]
    for marks, title, text in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
        headings.append(Heading(len(marks), title, anchor(title), text))
    return render("alerts", "runbooks.html", headings=headings)
