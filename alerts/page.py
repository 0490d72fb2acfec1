"""The receiver's pages as HTML. Pure."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple
from urllib.parse import urlencode

from alerts.changes import Filter, Known, loudness
from alerts.markdown import Block, blocks
from alerts.notifications import Alert
from alerts.planned import Next
from foundation.page import render

REFRESH_S = 5
MOST_CHOICES = 20  # words of a filter
MOST_SHOWN = 500  # alerts; filters find the others


class Choice(NamedTuple):
    """A word that filters the page: where it leads, whether it is chosen, how many alerts have it."""

    word: str
    address: str
    chosen: bool
    alerts: int


class Group(NamedTuple):
    """The alerts of one name, the firing ones first, then by their last change."""

    name: str
    address: str  # the page of this alert alone
    severities: str
    firing: int
    resolved: int
    alerts: list[Known]


def alerts_page(
    newest_first: Iterable[Known],
    asked: Filter,
    heartbeat: str,
    *,
    heartbeat_silent: bool,
    planned: Sequence[Next] = (),
) -> str:
    """The page at /: what `asked` takes of the alerts, by name, after the faults that are planned.

    `heartbeat` says how the watchdog is.
    """
    every = list(newest_first)
    wanted = sorted((known for known in every if asked(known.alert)), key=_firing_first)
    shown = wanted[:MOST_SHOWN]
    return render(
        "alerts",
        "alerts.html",
        groups=_groups(shown, asked),
        choices={
            "state": _choices(every, asked, "state", lambda alert: alert.status),
            "severity": _choices(every, asked, "severity", lambda alert: alert.severity),
            "source": _choices(every, asked, "source", lambda alert: alert.source),
        },
        asked=str(asked),
        known=len(every),
        more=len(wanted) - len(shown),
        heartbeat=heartbeat,
        heartbeat_silent=heartbeat_silent,
        planned=planned,
        refresh_s=REFRESH_S,
    )


def _firing_first(known: Known) -> tuple[bool, int]:
    """The order of alerts: those of a state stay as they are, the newest first."""
    return (known.alert.status != "firing", loudness(known.alert.severity))


def _groups(shown: list[Known], asked: Filter) -> list[Group]:
    by_name: dict[str, list[Known]] = {}
    for known in shown:
        by_name.setdefault(known.alert.name, []).append(known)
    groups = []
    for name, alerts in by_name.items():
        firing = sum(known.alert.status == "firing" for known in alerts)
        severities = " ".join(sorted({known.alert.severity for known in alerts}, key=loudness))
        groups.append(
            Group(
                name=name,
                address=_address(asked, "alert", name),
                severities=severities,
                firing=firing,
                resolved=len(alerts) - firing,
                alerts=alerts,
            )
        )
    return sorted(groups, key=lambda group: (not group.firing, loudness(group.severities.split(" ")[0])))


def _choices(every: list[Known], asked: Filter, kind: str, of: Callable[[Alert], str]) -> list[Choice]:
    """The words that the alerts have, the most frequent at most; and those that are chosen, to be taken back."""
    counts = Counter(of(known.alert) for known in every)

    def alerts_of(word: str) -> int:
        """The number of alerts with this value of the label, or with values that match the pattern."""
        return counts[word] or sum(count for value, count in counts.items() if fnmatchcase(value, word))

    chosen = getattr(asked, kind)
    words = [word for word, _ in counts.most_common(MOST_CHOICES)]
    words += [word for word in chosen if word not in words][:MOST_CHOICES]
    return [
        Choice(word or "(none)", _address(asked, kind, word), word in chosen, alerts_of(word))
        for word in sorted(words, key=lambda word: (loudness(word), word))
    ]


def _address(asked: Filter, kind: str, word: str) -> str:
    """The page with `word` chosen of this kind, or without it if it is."""
    pattern = re.sub(r"([*?[])", r"[\1]", word)  # the word itself, not what it would match
    query = [(name, value) for name in asked.__struct_fields__ for value in getattr(asked, name) if name != kind]
    if not {word, pattern} & set(getattr(asked, kind)):
        query.append((kind, pattern))
    return "./?" + urlencode(query) if query else "./"


class Heading(NamedTuple):
    """A heading of a Markdown text, 0 being the text before the first, and what is below it."""

    level: int
    title: str
    anchor: str
    blocks: list[Block]


def anchor(heading: str) -> str:
    """The fragment that names a heading, as the usual Markdown viewers make it."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def runbooks_page(markdown: str) -> str:
    """Markdown with headings that links can name, paragraphs and lists; good enough to read at night."""
    before, *parts = re.split(r"^(#{1,6}) (.+)\n?", markdown, flags=re.MULTILINE)
    headings = [Heading(0, "", "", list(blocks(before)))]
    for marks, title, text in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
        headings.append(Heading(len(marks), title, anchor(title), list(blocks(text))))
    return render("alerts", "runbooks.html", headings=headings)
