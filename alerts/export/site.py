"""Whom the rules are exported for: jobs, sources, links and the scrape interval, as flags give them. Pure."""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec

from alerts.re2 import check_regex, invalid_regex
from foundation.secret import shown_url

DEFAULT_JOBS = {program: program for program in ("exporter", "trafficgen", "prometheus", "alertmanager")}
"""The jobs of alerts/prometheus.yml that every export asks for, each where its file of rules is chosen."""
OPTIONAL_JOBS = ("timeserver", "stats-probe")
"""Jobs of the demo that somebody else has only if they say so: a job of this name may be another program's."""

_REGEX_SPECIAL = "\\.+*?()|[]{}^$"


class Names(NamedTuple):
    """What is inside the quotation marks of a matcher: a job's name for `=` and for `=~`, the sources' regex."""

    equal: Mapping[str, str]
    regex: Mapping[str, str]
    source: str | None


class Site(msgspec.Struct, frozen=True):
    """Somebody's Prometheus.

    jobs: the name of the job of each program that the rules may ask for.
    source: a regex, in RE2, of the sources that the rules are about; all without it.
    runbooks, grafana: what links begin with; no such links without it.
    """

    jobs: Mapping[str, str]
    source: str | None
    runbooks: str | None
    grafana: str | None
    scrape_interval_s: float

    def names(self) -> Names:
        """The names as PromQL has them."""
        return Names(
            {program: quoted(job) for program, job in self.jobs.items()},
            {program: quoted(literal(job)) for program, job in self.jobs.items()},
            None if self.source is None else quoted(self.source),
        )


def quoted(text: str) -> str:
    """`text` for the inside of a string in double quotation marks, in PromQL and in JSON alike."""
    return msgspec.json.encode(text).decode()[1:-1]


def literal(text: str) -> str:
    """A regex that matches `text` alone."""
    return "".join(f"\\{char}" if char in _REGEX_SPECIAL else char for char in text)


def parse_jobs(given: Iterable[str]) -> dict[str, str]:
    """The jobs by program, of `NAME` (the exporter's) and `PROGRAM=NAME`. Raises ValueError, its text for the user."""
    jobs = dict(DEFAULT_JOBS)
    for text in given:
        program, equals, job = text.partition("=")
        if not equals or program not in {*DEFAULT_JOBS, *OPTIONAL_JOBS}:
            program, job = "exporter", text
        if not job.strip() or not job.isprintable():
            known = ", ".join([*DEFAULT_JOBS, *OPTIONAL_JOBS])
            raise ValueError(
                f"invalid job {text!r}: expected NAME or PROGRAM=NAME (of {known}), for example my-exporter"
            )
        jobs[program] = job
    return jobs


def parse_source(text: str) -> str:
    """A regex that Prometheus takes. Raises ValueError with a text for the user."""
    check_regex(text)
    if not text or not text.isprintable():
        raise invalid_regex(text, "it is empty or has control characters")
    return text


def parse_link(text: str) -> str:
    """What links begin with, without a slash at the end. Raises ValueError with a text for the user."""
    try:
        parts = urlsplit(text)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and not (parts.query or parts.fragment)
        good = good and not parts.username and not re.search(r"[\s\"'{}<>\\]", text) and text.isprintable()
    except ValueError:
        good = False
    if not good:
        shown = shown_url(text)
        raise ValueError(
            f"invalid URL {shown!r}: expected http:// or https://, a host and a path, for example https://wiki.example/alerts"
        )
    return text.rstrip("/")
