"""The HTML pages: all stores over a range, one store, and the API's description. Pure."""

from collections.abc import Iterator, Mapping
from datetime import timedelta, tzinfo
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from exporter.stores.asking import MAX_ROWS, RANGE_NAMES, Asked, choose, find_rows
from exporter.stores.calendar import from_us
from exporter.stores.figures import ZONES, Table, caveats, defaults, group_table, records, store_table, summarize
from exporter.stores.render import hours_text, stamp, store_labels
from exporter.stores.report import Piece, Report, StoreReport
from exporter.stores.timeline import hours_in_words, timeline
from exporter.stores.zones import find_zone
from foundation.page import render

ROWS_A_PAGE = 100
_OPERATIONS = ("get", "post", "put", "delete")


class Shown(NamedTuple):
    """A column of the page's table: of which column of figures, its heading, and what it means."""

    name: str
    title: str
    unit: str
    text: str


class Written(NamedTuple):
    """The files beside a page that is a file: by store its file, and by group of `label`, where there are any."""

    stores: Mapping[str, str]
    label: str | None = None
    groups: Mapping[str, str] = {}


_SHOWN = (
    Shown("availability_percent", "Available", "%", "uptime of the business time that is known"),
    Shown("uptime_percent", "Up", "%", "of business time"),
    Shown("downtime_percent", "Down", "%", "of business time"),
    Shown("downtime_hours", "Down", "h", "in business hours"),
    Shown("unknown_percent", "Unknown", "%", "of business time: not covered by a poll"),
    Shown("assumed_percent", "Assumed", "%", "of business time: from polls more than 90 minutes away"),
    Shown("coverage_percent", "Observed", "%", "of business time: a poll is near"),
    Shown("business_hours", "Open", "h", "business time"),
)


def stores_page(
    report: Report,
    asked: Asked,
    query: Mapping[str, str],
    written: Written | None = None,
) -> str:
    """The table of stores or groups, with search, order, ranges and downloads. Raises ConfigError.

    `written`: if the page is a file; it has all rows, and no forms.
    """
    labels = [ZONES, *report.labels]
    report, table = find_rows(report, asked)
    label = asked.group_by if asked.group is None else None
    if not asked.sort:
        asked = asked._replace(sort="availability_percent")
    rows, total = choose(table, asked._replace(limit=ROWS_A_PAGE if written is None else MAX_ROWS))
    kept = {name: value for name, value in query.items() if value.strip() and name != "offset"}
    return render(
        "exporter.stores",
        "stores.html",
        first=label or "store_id",
        label=label,
        rows=list(records(rows)),
        total=total,
        asked=asked,
        shown=_SHOWN,
        query=kept,
        choices=choices(report.as_of_us, kept),
        sort_links={name: _sort_link(kept, asked, name) for name in (label or "store_id", *(s.name for s in _SHOWN))},
        before=_page_link(kept, asked.offset - ROWS_A_PAGE) if asked.offset else None,
        after=_page_link(kept, asked.offset + ROWS_A_PAGE) if asked.offset + ROWS_A_PAGE < total else None,
        store_query=_tail(kept),
        downloads={form: f"report?{urlencode({**kept, 'format': form, 'limit': MAX_ROWS})}" for form in _FORMS},
        path=_path,
        labels=[(name, words(name)) for name in labels],
        words=words,
        groups_link=f"?{urlencode({**_range_of(kept), 'group_by': asked.group_by or ''})}",
        group_links=_group_links(kept, label, table),
        written=written,
        groups=[] if written is None or written.label is None else _groups(report, asked, written.label),
        **_of(report),
    )


def _groups(report: Report, asked: Asked, label: str) -> list[dict[str, Any]]:
    """Rows of all groups, in the order of the stores."""
    return list(records(choose(group_table(report, label), asked)[0]))


def words(label: str) -> str:
    """A label as text."""
    return "time zone" if label == ZONES else label.replace("_", " ")


def _group_links(kept: Mapping[str, str], label: str | None, table: Table) -> dict[str, str]:
    """By group, the page of its stores."""
    if label is None:
        return {}
    return {name: f"?{urlencode({**_range_of(kept), 'group_by': label, 'group': name})}" for name in table[0].values}


def store_page(store_id: str, found: StoreReport, query: Mapping[str, str], *, written: bool = False) -> str:
    """One store: its figures, its time as a picture, its outages. `written`: the page is a file beside index.html."""
    report = found.report
    assert report.within is not None
    zone, _ = find_zone(found.timezone)
    start_us, end_us = report.within.windows(zone, report.as_of_us).week
    kept = {name: value for name, value in query.items() if value.strip()}
    (figures,) = records(store_table(report))
    outages = list(_outages(found, zone))
    return render(
        "exporter.stores",
        "store.html",
        store_id=store_id,
        figures=figures,
        shown=_SHOWN,
        picture=timeline(found.pieces, start_us, end_us, zone),
        outages=outages[:MAX_OUTAGES],
        more_outages=max(0, len(outages) - MAX_OUTAGES),
        labels=[(words(name), value) for name, value in store_labels(found).items()],
        zone=found.zone,
        fallback=found.fallback,
        hours=[hours_text(hours) for hours in found.hours],
        polls=len(found.polls),
        outside=sum(not poll.inside for poll in found.polls),
        choices=choices(report.as_of_us, kept),
        query=kept,
        json=f"../stores/{_path(store_id)}{_tail(kept)}",
        back="index.html" if written else f"../{_tail(kept)}",
        written=written,
        **_of(report),
    )


def _outages(found: StoreReport, zone: tzinfo) -> Iterator[tuple[str, str, str, str]]:
    """(from, to, length, how it is known) of each stretch of downtime, by the store's clock."""
    stretches: list[list[Piece]] = []
    for piece in (piece for piece in found.pieces if piece.state == "down"):
        if stretches and stretches[-1][-1].end_us == piece.start_us:
            stretches[-1].append(piece)
        else:
            stretches.append([piece])
    for pieces in stretches:
        start_us, end_us = pieces[0].start_us, pieces[-1].end_us
        start, end = (from_us(edge).astimezone(zone) for edge in (start_us, end_us))
        seen = {piece.observed for piece in pieces}
        how = "partly assumed" if len(seen) > 1 else "observed" if True in seen else "assumed"
        yield f"{start:%a %d %b %Y %H:%M}", f"{end:%a %d %b %H:%M %Z}", hours_in_words(end_us - start_us), how


def docs_page(document: Mapping[str, Any]) -> str:
    """The OpenAPI document as a page."""
    operations = [
        {"method": method.upper(), "path": path, **told[method]}
        for path, told in document["paths"].items()
        for method in _OPERATIONS
        if method in told
    ]
    return render("exporter.stores", "docs.html", document=document, operations=operations)


MAX_OUTAGES = 200
_FORMS = ("csv", "json", "ndjson", "parquet")


def choices(as_of_us: int, kept: Mapping[str, str]) -> list[tuple[str, str, bool]]:
    """(value, text, chosen) of the ranges to choose from: the last days, months and quarters."""
    today = from_us(as_of_us).date()
    found = [(f"last={length}", f"last {words}") for length, words in _LAST]
    month = today.replace(day=1)
    quarters: dict[str, None] = {}
    for _ in range(7):
        found.append((f"month={month:%Y-%m}", f"{month:%B %Y}"))
        quarters[f"{month.year}-Q{(month.month + 2) // 3}"] = None
        month = (month - timedelta(days=1)).replace(day=1)
    found += [(f"quarter={name}", name.replace("-", " ")) for name in quarters]
    own = next((f"{name}={kept[name]}" for name in ("month", "quarter", "last") if name in kept), None)
    chosen = "" if "from" in kept else own or kept.get("range", "last=7d")
    if chosen and chosen not in dict(found):
        found.append((chosen, chosen.replace("=", " ")))
    return [(value, text, value == chosen) for value, text in found]


_LAST = (("1d", "24 hours"), ("7d", "7 days"), ("30d", "30 days"), ("90d", "90 days"))


def _of(report: Report) -> dict[str, Any]:
    summary = summarize(report)
    assert report.within is not None
    return {
        "as_of": stamp(report.as_of_us),
        "range_text": report.within.text(),
        "policy": report.policy.text(),
        "summary": summary,
        "caveats": list(caveats(report)),
        "defaults": list(defaults(report)),
    }


def _sort_link(kept: Mapping[str, str], asked: Asked, name: str) -> str:
    order = "desc" if asked.sort == name and asked.order == "asc" else "asc"
    return "?" + urlencode({**kept, "sort": name, "order": order})


def _page_link(kept: Mapping[str, str], offset: int) -> str:
    return "?" + urlencode({**kept, "offset": max(0, offset)})


def _tail(kept: Mapping[str, str]) -> str:
    found = _range_of(kept)
    return f"?{urlencode(found)}" if found else ""


def _range_of(kept: Mapping[str, str]) -> dict[str, str]:
    return {name: kept[name] for name in RANGE_NAMES if name in kept}


def _path(text: str) -> str:
    return quote(text, safe="")
