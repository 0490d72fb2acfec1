"""What `plot` does once its flags are read: a file of records to a table of rates, as numbers, a picture or both."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, tzinfo
from math import isnan
from pathlib import Path
from shlex import quote
from typing import IO, BinaryIO, Literal, NamedTuple, TypeAlias

import numpy as np

from exporter.stats.plot.bulk import Records, read_records
from exporter.stats.plot.rates import Floats, in_order, rates
from foundation.csvtext import csv_text
from foundation.errors import ConfigError, InputError, NothingJudgedError
from foundation.output import replacing
from foundation.terminal import echo

Form: TypeAlias = Literal["png", "jpeg", "gif", "svg"]
OFTEN, OFTEN_SHARE = 2, 0.02  # falls, and falls for each row, from which on a column is asked about
_CSV_ROWS = 50_000  # rows made into text at a time


class Table(NamedTuple):
    """Rates ready to be shown.

    names: of all series, in order; gauges: which of them are no counters. times: (times,). rates: one (times, counters)
    for each delta. values: (times, gauges). gaps: (times,), whether the next time is past a gap. resets: the times of
    resets. falls: how often each counter fell in the whole file, which has `steps` from row to row. row_of: for each
    record, in the order of time, the row of its time.
    """

    names: tuple[str, ...]
    gauges: tuple[int, ...]
    deltas_s: tuple[float, ...]
    times: Floats
    rates: list[Floats]
    values: Floats
    gaps: np.typing.NDArray[np.bool_]
    resets: Floats
    falls: dict[str, int]
    steps: int
    row_of: np.typing.NDArray[np.intp]

    @property
    def counters(self) -> tuple[str, ...]:
        """The names of the series that are counters."""
        return tuple(name for number, name in enumerate(self.names) if number not in self.gauges)


class Picture(NamedTuple):
    """A picture to be made. zone: of its clock."""

    path: Path
    form: Form
    title: str
    zone: tzinfo


class Wanted(NamedTuple):
    """What is to be made of a file.

    columns: the file's; None for its header's. deltas_s: how far rates look back. csv_file: where the numbers go; None
    for nowhere.
    """

    columns: tuple[str, ...] | None
    gauges: tuple[str, ...]
    deltas_s: tuple[float, ...]
    since: datetime | None
    until: datetime | None
    picture: Picture | None
    csv_file: Path | None


def show(file: Path, wanted: Wanted) -> None:
    """Read a file (- is stdin), say what is strange about it on stderr, and write what is wanted of it.

    Raises ConfigError for a file that cannot be read or has no rate.
    """
    window = [None if at is None else at.timestamp() for at in (wanted.since, wanted.until)]
    records = _read(file, wanted.columns, wanted.gauges)
    table = make_table(records, tuple(dict.fromkeys(wanted.deltas_s)), since=window[0], until=window[1], name=str(file))
    for line in _on_falls(table):
        _say(f"{file}: {line}")
    if wanted.csv_file is not None:
        with replacing(wanted.csv_file) as stream:
            write_csv(table, stream)
    if not any(np.isfinite(values).any() for values in (*table.rates, table.values)):
        fault = f"{file}: the rate is unknown: {_extent(records, table)}"
        if wanted.picture is not None:
            raise ConfigError(fault)
        _say(fault)
    elif wanted.picture is not None:
        _draw(records, table, wanted.picture)


def _on_falls(table: Table) -> Iterator[str]:
    """What is made of counters that fell: no reset goes unnamed, and what falls often is hardly a counter."""
    for name, falls in table.falls.items():
        where = f"{name} falls at {falls} of {table.steps} rows"
        if falls >= OFTEN and falls >= OFTEN_SHARE * table.steps:
            yield f"{where}: is it a counter? --gauge {quote(name)} draws it as it is"
        elif falls:
            yield f"{where}: read as {'a reset' if falls == 1 else 'resets'} of the counter"


def make_table(
    records: Records, deltas_s: tuple[float, ...], *, since: float | None, until: float | None, name: str
) -> Table:
    """Rates of the records in [since, until), which look back beyond `since`.

    Raises NothingJudgedError when there are less than two records.
    """
    series, row_of = in_order(records.times, records.counts, records.gauges)
    if len(series.times) < 2:
        rows = "no row" if not len(series.times) else "rows of one time only" if len(records.times) > 1 else "one row"
        raise NothingJudgedError(f"{name}: has {rows}; a rate needs two, so let the collector run for longer")
    all_rates = [rates(series, delta_s) for delta_s in deltas_s]
    shown = np.ones(len(series.times), bool)
    if since is not None:
        shown &= series.times >= since
    if until is not None:
        shown &= series.times < until
    position = np.cumsum(shown) - 1
    counters = [name for number, name in enumerate(records.names) if number not in records.gauges]
    return Table(
        names=records.names,
        gauges=records.gauges,
        deltas_s=deltas_s,
        times=series.times[shown],
        rates=[rate[shown] for rate in all_rates],
        values=series.gauges[shown],
        gaps=series.gaps[shown],
        resets=series.times[shown & series.resets.any(axis=1)],
        falls=dict(zip(counters, series.resets.sum(axis=0).tolist(), strict=True)),
        steps=len(series.times) - 1,
        row_of=position[row_of[shown[row_of]]],
    )


def _extent(records: Records, table: Table) -> str:
    deltas = ", ".join(map(plain, table.deltas_s))
    return (
        f"it covers {plain(np.ptp(records.times))} s in {len(records.times)} rows, --delta_t is {deltas} s, "
        f"and --since to --until has {len(table.row_of)} of the rows"
    )


def write_csv(table: Table, stream: IO[bytes]) -> None:
    """`time`, then a column `<series>_<delta>s` for each counter and delta; empty where there is no rate.

    A gauge has one column, named as it is.
    """
    columns = list(_csv_columns(table))
    stream.write(csv_text([["time", *(name for name, _ in columns)]]).encode())
    for begin in range(0, len(table.row_of), _CSV_ROWS):
        rows = table.row_of[begin : begin + _CSV_ROWS]
        cells = [_texts(table.times[rows]), *(_texts(values[rows]) for _, values in columns)]
        stream.write("".join(",".join(row) + "\n" for row in zip(*cells, strict=True)).encode())


def _csv_columns(table: Table) -> Iterator[tuple[str, Floats]]:
    """(name, values) in the order of the file's columns."""
    counter = 0
    for number, name in enumerate(table.names):
        if number in table.gauges:
            yield name, table.values[:, table.gauges.index(number)]
            continue
        for delta_s, rate in zip(table.deltas_s, table.rates, strict=True):
            yield f"{name}_{plain(delta_s)}s", rate[:, counter]
        counter += 1


def _texts(values: Floats) -> list[str]:
    return ["" if isnan(value) else plain(value) for value in values.tolist()]


def plain(value: float) -> str:
    """A number as people and other programs write it: 60 and not 60.0, 2592000 and not 2.592e+06."""
    return f"{value:.0f}" if value == int(value) else repr(float(value))


def _read(file: Path, columns: tuple[str, ...] | None, gauges: tuple[str, ...]) -> Records:
    try:
        with _opened(file) as stream:
            records = read_records(stream, columns, str(file), gauges=gauges)
    except OSError as exc:
        raise InputError(f"{file}: {exc.strerror}") from exc
    for problem in records.problems:
        _say(problem)
    if more := records.unreadable - len(records.problems):
        _say(f"{file}: {more} more lines are not rows")
    for name, count in records.below_zero.items():
        _say(f"{file}: {name} is below 0 in {count} of these lines: is it a counter? --gauge {quote(name)} takes them")
    return records


@contextmanager
def _opened(file: Path) -> Iterator[BinaryIO]:
    if str(file) == "-":
        yield sys.stdin.buffer
    else:
        with file.open("rb") as stream:
            yield stream


def _draw(records: Records, table: Table, picture: Picture) -> None:
    from exporter.stats.plot.render import Panel, delta_words, draw, save  # noqa: PLC0415, matplotlib is slow to import

    panels = [
        Panel(f"{delta_words(delta_s)} rate", table.counters, rate, True, _why_empty(records, table, delta_s))
        for delta_s, rate in zip(table.deltas_s, table.rates, strict=True)
        if table.counters
    ]
    for column, number in enumerate(table.gauges):
        panels.append(
            Panel(table.names[number], table.names[number : number + 1], table.values[:, [column]], False, "")
        )
    figure = draw(table.times, panels, gaps=table.gaps, resets=table.resets, title=picture.title, zone=picture.zone)
    with replacing(picture.path) as stream:
        save(figure, stream, picture.form)


def _why_empty(records: Records, table: Table, delta_s: float) -> str:
    covered = f"the file begins {plain(table.times[-1] - records.times.min())} s before the last row shown"
    why = covered if table.times[-1] - records.times.min() < delta_s else "each row shown looks back into a gap"
    return f"no rate over {plain(delta_s)} s: {why}"


def _say(text: str) -> None:
    echo(f"plot: {text}", err=True)
