"""The order of builds: by version if their names are versions, else none. Pure.

One key for SemVer, PEP 440 and Debian versions: numbers by value, a pre-release (`-rc.1`, `1.0b2`, `.dev1`, `~`) before
its release, additions to a release (`.post1`, `-1`, `+dfsg1`) after it.
"""

import re
from collections.abc import Iterable
from typing import Any

_VERSION = re.compile(
    r"(?P<name>[A-Za-z][A-Za-z_./ -]*?)?[vV]?(?:(?P<epoch>\d+)[!:])?(?P<release>\d+(?:\.\d+)*)"
    r"(?P<rest>[0-9A-Za-z.+~_()/ -]*)"
)
_DATE = re.compile(
    r"(?P<a>\d{1,2})[-./](?P<b>\d{1,2})[-./](?:19|20)\d\d|\d{1,2}[-./ ]?[A-Za-z]{3,9}[-./ ]?(?:19|20)?\d\d", re.ASCII
)
"""The day first, or the month: numbers by value would put them in a wrong order."""
_ISO_DATE = re.compile(r"(?:19|20)\d\d-\d\d-\d\d.*", re.ASCII)
_REVISION = re.compile(r"(\d+\.\d+\.\d+)-\d+", re.ASCII)
"""SemVer takes it for a pre-release, PEP 440 and Debian for a later one."""
_HASH = re.compile(r"g?(?=[0-9]*[a-f])[0-9a-f]{7,64}", re.IGNORECASE)
_TOKEN = re.compile(r"[-._]?(\d+|[A-Za-z]+)|([~+])")
_BEFORE = {
    "dev": -5, "snapshot": -5, "nightly": -5, "canary": -5, "alpha": -4, "a": -4, "beta": -3, "b": -3,
    "preview": -2, "pre": -2, "milestone": -2, "m": -2, "rc": -1, "c": -1, "cr": -1,
}  # fmt: skip
_AFTER = {"post", "rev", "r", "patch", "p", "pl", "sp", "hotfix", "build", "final", "ga", "release", "u", "el", "deb"}
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_SEMVER_NUMBERS = 3


def version_key(build: str) -> tuple[Any, ...]:
    """Sorts builds as versions, other names after them; no two builds alike: 5.01 before 5.1 before 5.1.0."""
    match = _VERSION.fullmatch(build)
    if match is None or _HASH.fullmatch(build):
        return (1, build)
    numbers = [int(number) for number in match["release"].split(".")]
    significant = tuple(numbers)
    while len(significant) > 1 and not significant[-1]:
        significant = significant[:-1]
    rest = _rest(match["rest"], semver=len(numbers) == _SEMVER_NUMBERS)
    return (0, int(match["epoch"] or 0), significant, rest, len(numbers), build)


def are_versions(builds: Iterable[str]) -> bool:
    """Whether all are versions of one thing, so that they have an order.

    Hashes, words and dates by day have none, nor have dates beside numbers, nor `1.2.3` and `1.2.3-1`, which rules of
    versions put in different orders.
    """
    builds, names = set(builds), set()
    if any((match := _REVISION.fullmatch(build)) and match[1] in builds for build in builds):
        return False
    if len({bool(_ISO_DATE.fullmatch(build)) for build in builds}) > 1:
        return False
    for build in builds:
        match = _VERSION.fullmatch(build)
        if match is None or _HASH.fullmatch(build) or _is_date(build):
            return False
        names.add((match["name"] or "").rstrip("-_./ ").casefold().removesuffix("v"))
    return len(names) <= 1


def _is_date(build: str) -> bool:
    """Whether a name is a date that does not begin with its year."""
    match = _DATE.fullmatch(build)
    if match is None:
        return False
    if match["a"] is None:
        return any(month in build.casefold() for month in _MONTHS)
    days = sorted((int(match["a"]), int(match["b"])))
    return 1 <= days[0] <= 12 and days[1] <= 31


def in_order(builds: Iterable[str]) -> list[str]:
    """Lowest version first; if they are not versions, in the given order."""
    given = list(builds)
    return sorted(given, key=version_key) if are_versions(given) else given


def _rest(text: str, *, semver: bool) -> tuple[tuple[int, int, str], ...]:
    """What follows the numbers of a release. Its end is between what comes before a release and after it."""
    out: list[tuple[int, int, str]] = []
    local = False  # PEP 440 has numbers after words there
    for at, token in enumerate(_TOKEN.finditer(text)):
        word, mark = token[1], token[2]
        if mark:
            local = local or mark == "+"
            out.append((-9, 0, "") if mark == "~" else (2, 0, "+"))
        elif word.isdecimal():
            out.append((3 if local else 1, int(word), ""))
        elif semver and at and text[0] == "-" and token[0][0] == ".":  # an identifier of SemVer, after numbers
            out.append((2, 0, word))
        else:
            out.append(_word(word.casefold(), text[token.end() :], pre=semver and not at and token[0][0] == "-"))
    return (*out, (0, 0, ""))


def _word(word: str, following: str, *, pre: bool) -> tuple[int, int, str]:
    """`pre`: SemVer takes any word here for a pre-release."""
    if word in _BEFORE and (len(word) > 1 or pre or following.lstrip("-._")[:1].isdigit()):
        return (_BEFORE[word], 0, "")
    return (-4, 0, word) if pre and word not in _AFTER else (2, 0, word)
