"""From flags to a report: reads records and users, from files or a Prometheus, and compares them."""

import math
from typing import Any

from exporter.releases.asking import read_counts
from exporter.releases.asking import read_shares as ask_shares
from exporter.releases.bulk.files import read_file
from exporter.releases.bulk.reading import Input
from exporter.releases.compare.exposure import ALIKE, Exposure, SharesError
from exporter.releases.compare.settings import Settings
from exporter.releases.counters import parse_query
from exporter.releases.options import Asked
from exporter.releases.parse import CLOCK_LIMIT_S
from exporter.releases.report import Report, analyse
from exporter.releases.shares import read_shares
from foundation.clock import SystemClock
from foundation.errors import ConfigError, NothingJudgedError


def make_report(
    file: str | None,
    settings: dict[str, Any],
    detectors: tuple[str, ...],
    asked: Asked = Asked(),  # noqa: B008, frozen
    *,
    engine: str = "here",
    one_day: bool = False,
) -> Report:
    """Read and compare what the flags name.

    settings: of `options.comparison`. Raises ConfigError, SourceError, and NothingJudgedError where there is no record.
    """
    baseline, named = settings.pop("baseline"), settings.pop("exposure")
    if asked.exposure_query and named is not None:
        raise ConfigError("expected one of --exposure and --exposure-query")
    if file is not None:
        chosen, exposure = exposed(settings, named)
        given = read(file, engine, one_day=one_day)
        seconds = given.table.second
        start_s, end_s, step_s = float(seconds[0]), float(seconds[-1]) + 1, asked.step_s or chosen.bin_s
    else:
        query = parse_query(str(asked.query), asked.step_s)
        bin_s = math.ceil(settings["bin_s"] / query.step_s) * query.step_s  # a bin has whole steps
        chosen, exposure = exposed({**settings, "bin_s": bin_s}, named)
        assert asked.start is not None
        start_s, end_s = asked.start.timestamp(), asked.end.timestamp() if asked.end else SystemClock().wall()
        step_s = query.step_s
        given = read_counts(asked.server(), query, start_s, end_s)
    if asked.exposure_query:
        if start_s < CLOCK_LIMIT_S:
            raise ConfigError(
                f"--exposure-query: {file} has clock times without a date; expected ISO 8601 or Unix seconds"
            )
        around = (start_s // step_s * step_s, math.ceil(end_s / step_s) * step_s)
        exposure = Exposure(shares=ask_shares(asked.server(), asked.exposure_query, *around, step_s), named=True)
    try:
        if exposure.shares is not None:
            exposure.shares.check_times(int(start_s))
        analysis = analyse(given.table, chosen, baseline=baseline, detectors=detectors, exposure=exposure)
    except SharesError as exc:
        raise ConfigError(f"{f'--exposure {named}' if named else '--exposure-query'}: {exc}") from exc
    return Report(given, chosen, analysis, exposure)


def exposed(settings: dict[str, Any], named: str | None) -> tuple[Settings, Exposure]:
    """The settings, with the number of users or the shares that `--exposure` names."""
    if named is None:
        return _settings(settings), ALIKE
    try:
        number: float | None = float(named)
    except ValueError:
        number = None
    if number is not None:
        return _settings({**settings, "exposure": number}), Exposure(number, named=True)
    try:
        return _settings(settings), Exposure(shares=read_shares(named), named=True)
    except SharesError as exc:
        raise ConfigError(f"--exposure {named}: {exc}") from exc


def read(file: str, engine: str = "here", *, one_day: bool = False) -> Input:
    """The records in a file. Raises NothingJudgedError where there are none."""
    if engine == "spark":
        from exporter.releases import spark  # noqa: PLC0415, pyspark only where it is wanted

        given = spark.load([file])
    else:
        given = read_file(file, one_day=one_day, now_s=SystemClock().wall())
    if not len(given.table.second):
        raise NothingJudgedError(f"{file}: nothing was judged: {_why_nothing(given)}")
    return given


def _why_nothing(given: Input) -> str:
    if not given.failed:
        return "empty; records are lines of timestamp, build and error code"
    first = given.set_aside[0]
    return f"none of {given.failed.total()} lines can be read; the first, {first.line[:40]!r}: {first.text}"


def _settings(settings: dict[str, Any]) -> Settings:
    try:
        return Settings(**settings)
    except ValueError as exc:
        raise ConfigError(str(exc)) from exc
