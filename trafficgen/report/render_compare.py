"""A comparison as text: one line a figure, its interval and the verdict. Pure."""

from collections.abc import Iterator

from foundation.terminal import printable
from trafficgen.report.compare import FIGURES, RATIOS, Comparison, Difference
from trafficgen.report.render_text import MAX_ROWS, format_seconds

COLUMNS = ("figure", "before", "after", "difference", "interval", "verdict")


def render_comparison(found: Comparison) -> str:
    """The table of figures, that of targets if there are several, and notes."""
    blocks = f"{found.blocks[0]} and {found.blocks[1]} blocks"
    lines = [f"before  {printable(found.before)}", f"after   {printable(found.after)}", ""]
    lines += table([COLUMNS, *(row(one) for one in found.figures)])
    lines += ["", f"intervals: {found.confidence:.0%}, of {blocks} of time"]
    lines += [f"note: {printable(note)}" for note in found.notes]
    if len(found.by_target) > 1:
        lines += ["", "by target, before > after; not judged:"]
        lines += table([("target", "failed", "p50", "p95", "p99"), *_targets(found)])
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _targets(found: Comparison) -> Iterator[tuple[str, ...]]:
    for one in sorted(found.by_target, key=lambda one: -sum(one.requests))[:MAX_ROWS]:
        times = (" > ".join(format_seconds(value) for value in pair) for pair in (one.p50, one.p95, one.p99))
        yield printable(one.target), " > ".join(shown("error_ratio", value) for value in one.failed_ratio), *times


def row(one: Difference) -> tuple[str, ...]:
    """The cells under `COLUMNS`."""
    interval = "-" if one.low is None else f"{shown(one.figure, one.low)} .. {shown(one.figure, one.high)}"
    verdict = f"{one.verdict}: {one.why}" if one.why else one.verdict
    values = (shown(one.figure, value) for value in (one.before, one.after, one.difference))
    return one.figure, *values, interval, verdict


def shown(figure: str, value: float | None) -> str:
    """A value in its unit."""
    assert figure in FIGURES
    if value is None:
        return "-"
    if figure in RATIOS:
        return f"{100 * value:.3g} %"
    if figure == "throughput":
        return f"{value:,.4g}/s"
    return f"-{format_seconds(-value)}" if value < 0 else format_seconds(value)


def table(rows: list[tuple[str, ...]]) -> list[str]:
    """Aligned columns; all but the first and the last to the right."""
    widths = [max(len(cells[at]) for cells in rows) for at in range(len(rows[0]))]
    last = len(widths) - 1
    return [
        "  ".join(
            f"{cell:<{width}}" if at in {0, last} else f"{cell:>{width}}"
            for at, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        for cells in rows
    ]
