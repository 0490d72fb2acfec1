"""One customer's document, as a page or as PDF: their outages in their zone and language, without those of others."""

from collections.abc import Sequence
from datetime import datetime, tzinfo
from io import BytesIO
from typing import Any, NamedTuple

from babel import Locale
from babel.core import UnknownLocaleError
from babel.dates import format_date, format_datetime

from exporter.hosting.batch import Findings
from exporter.hosting.cycle import utc
from exporter.hosting.render.text import number, plain
from exporter.hosting.report import AccountRow
from exporter.timeline import intersect, union
from foundation.errors import ConfigError
from foundation.page import render

CAUSES = {"overload": "server overloaded", "silent": "server not answering"}
LINES_PER_PAGE = 44
_MARKS = dict.fromkeys(map(ord, "\u061c\u200e\u200f"))
MAX_NAME = 300  # characters; it is their own document
A4_INCHES = (8.27, 11.69)
_COLUMNS = (0.06, 0.36, 0.65, 0.74)
_RIGHT = 0.95  # where a page's text ends
_POINTS, _HEAD_POINTS = 9, 16


class Table(NamedTuple):
    """A table of the document, as text."""

    title: str
    header: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


class Reader(NamedTuple):
    """Where the customer is, and the language of their dates."""

    zone: tzinfo
    locale: Locale

    def instant(self, moment: datetime) -> str:
        """An instant to the second, with its offset."""
        clock = format_datetime(moment, "medium", tzinfo=self.zone, locale=self.locale)
        return f"{clock} {format_datetime(moment, 'ZZZZZ', tzinfo=self.zone, locale=self.locale)}"

    def day(self, moment: datetime) -> str:
        """A day."""
        return format_date(moment.astimezone(self.zone).date(), "long", locale=self.locale)


class Statement(NamedTuple):
    """The document as text."""

    title: str
    name: str
    period: tuple[str, str]
    whom: Reader
    verdict: str
    broken: bool
    figures: list[tuple[str, str]]
    tables: list[Table]
    note: str


def reader(zone: tzinfo, language: str) -> Reader:
    """The reader of a document. Raises ConfigError for an unknown language."""
    try:
        return Reader(zone, Locale.parse(language.replace("-", "_")))
    except (UnknownLocaleError, ValueError, TypeError) as exc:
        raise ConfigError(f"unknown language {language!r}: expected a code, for example en, de or pt-BR") from exc


def statement(findings: Findings, account_id: int, whom: Reader) -> Statement:
    """The document of one customer. Raises ConfigError for an account that is not judged in the cycle."""
    report = findings.report
    row = next((row for row in report.accounts if row.account_id == account_id), None)
    if row is None:
        raise ConfigError(f"the log has no account {account_id} that lived in the cycle")
    start, end = (datetime.fromisoformat(text) for text in (report.cycle.start, report.cycle.end))
    outages = [
        (*_between(whom, outage.start, outage.end), number(outage.minutes), CAUSES[outage.cause])
        for outage in report.outages
        if outage.account_id == account_id
    ]
    tables = [Table("Outages", ("begin", "end", "minutes", "cause"), outages)]
    if row.maintenance_minutes:
        tables.append(Table("Announced maintenance", ("begin", "end", "minutes"), _maintenance(findings, row, whom)))
    promised = f"{row.promise_percent:.10g} %"
    known = row.lifetime_minutes > row.unknown_minutes
    kept = f"was not kept: more than {number(row.allowed_downtime_minutes)} minutes of downtime"
    return Statement(
        title=f"Service level {report.cycle.start[:10]} to {report.cycle.end[:10]}",
        name=plain(row.account_name, MAX_NAME),
        period=(whom.instant(start), whom.instant(end)),
        whom=whom,
        verdict=f"The promise of {promised} {kept if row.violates_cycle else 'was kept'}."
        if known
        else "Nothing was judged: nothing is known of this time.",
        broken=row.violates_cycle,
        figures=_figures(row, promised),
        tables=tables,
        note=f"Issued for {whom.day(start)} to {whom.day(end)}. Availability is the share of the billing cycle without "
        "downtime; announced maintenance is not downtime.",
    )


def to_html(made: Statement) -> str:
    """The document as one file that loads nothing else."""
    tables = [table._replace(rows=[tuple(map(_unmarked, row)) for row in table.rows]) for table in made.tables]
    start, end = map(_unmarked, made.period)
    shown = made._replace(tables=tables, note=_unmarked(made.note))._asdict() | {"start": start, "end": end}
    return render("exporter.hosting", "customer.html", **shown, zone=str(made.whom.zone))


def to_pdf(made: Statement) -> bytes:
    """The document on A4 pages. Raises ConfigError for characters that no font of this machine has."""
    import matplotlib as mpl  # noqa: PLC0415, slow, and only for this
    from matplotlib.backends.backend_pdf import PdfPages  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    logical = _lines(made)
    families = _families({char for line in logical for cell in line for char in cell})
    lines = [row for line in logical for row in _wrapped(line, families)]
    out = BytesIO()
    settings: Any = {"pdf.fonttype": 42, "font.family": families, "text.parse_math": False}
    with mpl.rc_context(settings), PdfPages(out, metadata={"CreationDate": None, "Title": made.title}) as pdf:
        for first in range(0, len(lines), LINES_PER_PAGE):
            figure = Figure(figsize=A4_INCHES)
            for place, line in enumerate(lines[first : first + LINES_PER_PAGE]):
                for x, cell in zip(_COLUMNS, line, strict=False):
                    size = _HEAD_POINTS if first + place == 0 else _POINTS
                    figure.text(x, 0.95 - 0.0205 * place, cell, fontsize=size, va="top")
            pdf.savefig(figure)
    return out.getvalue()


def _unmarked(text: str) -> str:
    """Without the marks of direction that dates of some languages have: a page has elements for it."""
    return text.translate(_MARKS)


def _period(whom: Reader, start: str, end: str) -> str:
    """The sentence is English, also where the language of its dates is written from right to left."""
    if whom.locale.text_direction == "rtl":
        return f"\u200e\u2068{start}\u2069 to \u2068{end}\u2069; times are those of {whom.zone}."
    return f"{start} to {end}; times are those of {whom.zone}."


def _between(whom: Reader, start: str, end: str) -> tuple[str, str]:
    return whom.instant(datetime.fromisoformat(start)), whom.instant(datetime.fromisoformat(end))


def _figures(row: AccountRow, promised: str) -> list[tuple[str, str]]:
    found = [
        ("promised availability", promised),
        ("availability", f"{100 * (1 - row.downtime_ratio_of_cycle):.4f} %"),
        ("allowed downtime, minutes", number(row.allowed_downtime_minutes)),
        ("downtime, minutes", number(row.downtime_minutes)),
        ("announced maintenance, minutes", number(row.maintenance_minutes)),
        ("not known, minutes", number(row.unknown_minutes)),
    ]
    if row.credit_percent is not None:
        found.append(("credit, of the bill", f"{row.credit_percent:.10g} %"))
    return found


def _maintenance(findings: Findings, row: AccountRow, whom: Reader) -> list[tuple[str, ...]]:
    """When the customer was under maintenance: their own windows, and their servers' while they were there."""
    result = findings.result
    windows = findings.contract.maintenance.stepped(result.window.step_s)
    cycle = [(result.window.start_s, result.window.end_s)]
    lives = [
        (max(s.created_s, result.window.start_s), s.deleted_s or result.window.end_s)
        for s in result.sessions
        if s.account_id == row.account_id
    ]
    found = intersect(intersect(windows.windows(None, row.account_id), lives), cycle)
    mine = result.segments["account_id"] == row.account_id
    columns = (result.segments[name][mine].tolist() for name in ("server_id", "start_s", "end_s"))
    for server, start_s, end_s in zip(*columns, strict=True):
        found += intersect(intersect(windows.windows(server, row.account_id), [(start_s, end_s)]), cycle)
    return [(*_between(whom, utc(start), utc(end)), number((end - start) / 60)) for start, end in union(found)]


def _lines(made: Statement) -> list[tuple[str, ...]]:
    lines: list[tuple[str, ...]] = [
        ("Service level",),
        (),
        (made.name,),
        (_period(made.whom, *made.period),),
        (),
        (made.verdict,),
        (),
    ]
    lines += made.figures
    for table in made.tables:
        lines += [(), (table.title,), table.header, *(table.rows or [("None.",)])]
    return lines


def _wrapped(line: tuple[str, ...], families: list[str]) -> list[tuple[str, ...]]:
    """The line as one or more, none of whose cells reaches into the next or out of the page."""
    ends = [*_COLUMNS[1 : len(line)], _RIGHT]
    widths = [(end - start) * A4_INCHES[0] * 72 for start, end in zip(_COLUMNS, ends, strict=False)]
    cells = [_broken(cell, width - _POINTS / 2, families) for cell, width in zip(line, widths, strict=False)]
    height = max(map(len, cells), default=1)
    return [tuple(cell[row] if row < len(cell) else "" for cell in cells) for row in range(height)]


def _broken(text: str, width_points: float, families: list[str]) -> list[str]:
    """Text in lines of a width: between words, and inside a word that is wider than the line."""
    from matplotlib.backends.backend_agg import RendererAgg  # noqa: PLC0415
    from matplotlib.font_manager import FontProperties  # noqa: PLC0415

    renderer: Any = RendererAgg(1, 1, 72)  # type: ignore[no-untyped-call]
    font = FontProperties(family=families, size=_POINTS)

    def fits(text: str) -> bool:
        """Whether the text is at most `width_points` wide."""
        return bool(renderer.get_text_width_height_descent(text, font, ismath=False)[0] <= width_points)

    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}".lstrip()
        if fits(longer):
            lines[-1] = longer
            continue
        if lines[-1]:
            lines.append("")
        for char in word:
            if not fits(lines[-1] + char):
                lines.append("")
            lines[-1] += char
    return lines


def _families(chars: set[str]) -> list[str]:
    """Fonts that have all of the characters, matplotlib's own first."""
    from matplotlib import font_manager  # noqa: PLC0415
    from matplotlib.ft2font import FT2Font  # noqa: PLC0415

    families, missing = [], {ord(char) for char in chars if char.isprintable()}
    own = font_manager.findfont("DejaVu Sans")
    for path in [own, *sorted(font_manager.findSystemFonts())]:
        if not missing:
            break
        try:
            font = FT2Font(path)
            have = missing & font.get_charmap().keys()
        except (OSError, RuntimeError):
            continue
        if have:
            missing -= have
            font_manager.fontManager.addfont(path)
            families.append(font.family_name)
    if missing:
        shown = "".join(chr(code) for code in sorted(missing)[:10])
        raise ConfigError(f"no font on this machine has {shown!r}: install one, such as Noto, or ask for --format html")
    return families or ["DejaVu Sans"]
