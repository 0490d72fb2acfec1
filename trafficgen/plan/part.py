"""One machine's part of a plan: every n-th request of it. Pure.

A part deals its requests to its workers in the same way, so the whole is divided into parts x workers shares.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from foundation.errors import ConfigError
from foundation.terminal import printable

MAX_PARTS = 1000
INDEX = "JOB_COMPLETION_INDEX"  # what Kubernetes gives the pods of an indexed Job: 0, 1, ...
_SYNTAX = re.compile(r"(index|\d{1,6})/(\d{1,6})", re.ASCII)


class Part(NamedTuple):
    """Part `number`, from 1, of `of`."""

    number: int = 1
    of: int = 1

    def share(self, worker: int, workers: int) -> tuple[int, int]:
        """What one of the `workers` of this part takes of the whole plan: (the first request, from 0; the step)."""
        return self.number - 1 + self.of * worker, self.of * workers

    def __str__(self) -> str:
        """As `parse_part` reads it."""
        return f"{self.number}/{self.of}"


WHOLE = Part()


def parse_part(text: str, environment: Mapping[str, str]) -> Part:
    """`2/5`, or `index/5` in a pod of an indexed Job. Raises ConfigError."""
    match = _SYNTAX.fullmatch(text)
    if not match:
        raise ConfigError(f"--part: {printable(text)!r}: expected K/N, for example 2/5, or index/5 in an indexed Job")
    of = int(match[2])
    number = _index(text, environment) + 1 if match[1] == "index" else int(match[1])
    if not 1 <= of <= MAX_PARTS:
        raise ConfigError(f"--part: {text}: expected 1 to {MAX_PARTS:,} parts")
    if not 1 <= number <= of:
        named = f"{text}: {INDEX} is {number - 1}, which is part {number}" if match[1] == "index" else text
        raise ConfigError(f"--part: {named}: expected a part from 1 to {of}")
    return Part(number, of)


def _index(text: str, environment: Mapping[str, str]) -> int:
    index = environment.get(INDEX, "")
    if not re.fullmatch(r"\d{1,6}", index, re.ASCII):
        got = f"is {printable(index)!r}" if index else "is not set"
        raise ConfigError(f"--part: {text}: {INDEX} {got}; expected a pod of an indexed Job, or K/N, for example 2/5")
    return int(index)
