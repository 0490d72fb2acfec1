"""The configuration of a source that reads systemd's journal."""

from fnmatch import fnmatchcase
from typing import Annotated

import msgspec

_SUFFIXES = (".service", ".socket", ".scope", ".slice", ".timer", ".mount", ".target", ".path", ".swap", ".device")
_MAGIC = frozenset("*?[")

Match = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[A-Z0-9_]{1,64}=[^\x00]{1,1000}\Z",
        extra={"words": "FIELD=VALUE, as journalctl takes it, for example CONTAINER_NAME=web"},
    ),
]
Unit = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[A-Za-z0-9:_.\\@*?\[\]!-]{1,255}\Z",
        extra={"words": "the name of a unit, `*`, `?` and `[...]` allowed, for example nginx.service"},
    ),
]


class Journal(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The records to read: those that the units wrote, not those that systemd writes about them.

    units: names of units, patterns allowed; `.service` is optional.
    matches: further conditions, as journalctl takes them.
    program: journalctl, by name or path.
    directory: where the journal's files are, if not in the usual place.
    """

    units: tuple[Unit, ...] = ()
    matches: tuple[Match, ...] = ()
    program: Annotated[str, msgspec.Meta(min_length=1)] = "journalctl"
    directory: str | None = None

    def __post_init__(self) -> None:
        if not self.units and not self.matches:
            raise ValueError("nothing to read: expected units, for example units: [nginx.service]")

    @property
    def patterns(self) -> tuple[str, ...]:
        """The whole names of the units, where one of them is a pattern; else none.

        journalctl itself would look for units that match once, and not find those that begin to log later.
        """
        names = self._names()
        return names if any(_MAGIC & set(name) for name in names) else ()

    def arguments(self) -> list[str]:
        """The arguments of journalctl for the records."""
        units = [] if self.patterns else [f"_SYSTEMD_UNIT={name}" for name in self._names()]
        return [*units, *self.matches]

    def place(self) -> list[str]:
        """The arguments of journalctl for the place."""
        return [] if self.directory is None else [f"--directory={self.directory}"]

    def _names(self) -> tuple[str, ...]:
        return tuple(unit if unit.endswith(_SUFFIXES) else f"{unit}.service" for unit in self.units)


def is_of(unit: str, patterns: tuple[str, ...]) -> bool:
    """Whether the unit is one of those that the patterns name."""
    return any(fnmatchcase(unit, pattern) for pattern in patterns)
