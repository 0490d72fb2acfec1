"""Names of time zones to zones, in the spellings that files have. Pure but for the zone database.

IANA's names are read in any case and with blanks for underscores, Windows' names as CLDR maps them, and offsets from
UTC. An abbreviation such as CST is an offset in some countries and another one elsewhere: only those that are IANA
names themselves are read.
"""

import re
from datetime import timedelta, timezone, tzinfo
from functools import cache
from typing import Literal, TypeAlias
from zoneinfo import ZoneInfo, available_timezones

from tzlocal.windows_tz import win_tz

from foundation.errors import StoreError, in_words, may_pass
from foundation.terminal import printable

DEFAULT_ZONE = "America/Chicago"
UNKNOWN_ZONE = "UTC"
"""Used in the arithmetic for a zone that is not known; all time of its stores is unknown."""
NO_NAME = "(empty)"
"""The name that a store has whose row of zones is empty: it is named, and not known."""
_OFFSET = re.compile(r"(?:UTC|GMT)? ?([+-])(\d{1,2})(?::?([0-5]\d))?", re.IGNORECASE)
_WIDEST_MIN = 14 * 60  # Kiribati's
_NOWHERE = frozenset({"localtime", "factory", "posixrules"})
"""Files of the zone database that are not of a place: the machine's own zone, and what is used before one is chosen."""

Fallback: TypeAlias = Literal["timezone_missing", "timezone_unknown"]


def find_zone(name: str | None) -> tuple[tzinfo, Fallback | None]:
    """The zone of that name, whose text is its standard name; or one that stands for it, and why.

    Without a name it is the default one. Raises StoreError where a zone's file cannot be opened for the time being:
    that is no reason for another zone.
    """
    if not name:
        return _iana(DEFAULT_ZONE), "timezone_missing"
    spelled = " ".join(name.split()).casefold()
    nowhere = spelled in _NOWHERE or spelled.startswith(("posix/", "right/"))
    found = None if nowhere else _exact(name) or _offset(name) or _spelled(spelled)
    return (_iana(UNKNOWN_ZONE), "timezone_unknown") if found is None else (found, None)


def zone_label(name: str | None) -> str:
    """The zone's standard name, as a label: `unknown` for one that is not known."""
    zone, fallback = find_zone(name)
    return "unknown" if fallback == "timezone_unknown" else str(zone)


def _exact(name: str) -> tzinfo | None:
    try:
        return _iana(name)
    except (KeyError, OSError, ValueError):
        return None


def _iana(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except OSError as exc:
        if may_pass(exc):
            raise StoreError(f"time zone {printable(name)}: {in_words(exc)}") from exc
        raise


def _offset(name: str) -> tzinfo | None:
    found = _OFFSET.fullmatch(name.strip().replace("\N{MINUS SIGN}", "-"))
    if found is None:
        return None
    minutes = int(found[2]) * 60 + int(found[3] or 0)
    if minutes > _WIDEST_MIN:
        return None
    return timezone(timedelta(minutes=-minutes if found[1] == "-" else minutes))


def _spelled(name: str) -> tzinfo | None:
    known = _names().get(name) or _names().get(name.replace(" ", "_"))
    return _exact(known) if known else None


@cache
def _names() -> dict[str, str]:
    """Every name in small letters: IANA's before Windows'."""
    return {
        **{windows.casefold(): iana for windows, iana in win_tz.items()},
        **{name.casefold(): name for name in sorted(available_timezones())},
        "z": "UTC",
    }
