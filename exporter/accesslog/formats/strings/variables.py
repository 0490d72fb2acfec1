"""The parts of a server's format string: literal texts, and variables with the fields that they may give."""

from typing import Literal, NamedTuple, TypeAlias

from exporter.accesslog.formats import instants
from exporter.accesslog.formats._model import InstantReader, no_instant
from exporter.accesslog.formats.durations import UNITS_NS
from exporter.accesslog.formats.field_names import common_name

Kind: TypeAlias = Literal[
    "request",
    "method",
    "target",
    "query",
    "code",
    "size",
    "duration",
    "whole duration",
    "decimal duration",
    "unknown duration",
    "written duration",
    "durations",
    "steps",
    "instant",
    "split instant",
    "list",
    "any",
]

WHOLE = "[0-9]{1,9}"
NUMBER = rf"{WHOLE}(?:\.{WHOLE})?"
ONE_DURATION = f"(?:-?{NUMBER}|-)"
NUMBERS, CODES, TIMES, WORDS = "(?:[0-9]+|-)", "(?:[0-9]{1,3}|-)", ONE_DURATION, "words"
"""What one item of a list may be; words depend on what the list ends in."""


class Variable(NamedTuple):
    """A part of a line that changes.

    kind: the field that it gives.
    unit_ns: what a duration counts; None if only texts with a unit of their own are durations.
    read_instant: how the moment is written.
    rank: of two variables for the same field the higher rank is taken, then the first.
    item: one item of it, where it may be a list, `a, b : c`.
    slashless: no slash is ever in it, so that a path may follow at once.
    slash: it begins with a slash, if it is not empty.
    quotable: it may have quotes around it, with blanks inside, and "" for one of them.
    padded: on which side blanks make up its width, if it has one.
    regex: of its text, where what follows does not decide where it ends.
    name: as the server calls it.
    field: what all servers' fields of its kind are called, where that does not follow from its name.
    """

    kind: Kind = "any"
    unit_ns: int | None = UNITS_NS["s"]
    read_instant: InstantReader = no_instant
    rank: int = 1
    item: str = ""
    slashless: bool = False
    slash: bool = False
    quotable: bool = False
    padded: Literal["", "left", "right"] = ""
    regex: str = ""
    name: str = ""
    field: str = ""

    def called(self, name: str) -> "Variable":
        """The same, under the name that the server has for it, where it has none yet."""
        return self if self.name else self._replace(name=name)

    @property
    def field_name(self) -> str:
        """What its field is called."""
        return self.field or common_name(self.name)


Part: TypeAlias = str | Variable

REQUEST = Variable("request", rank=2)  # what the client sent goes before what the server made of it
METHOD = Variable("method", slashless=True)
TARGET = Variable("target", slash=True)
MADE_TARGET = Variable("target", slash=True, rank=0)
CODE_VARIABLE = Variable("code")
SIZE_VARIABLE = Variable("size")
SIZE_WITH_HEADERS = Variable("size", rank=0)
CLF_INSTANT = Variable("instant", read_instant=instants.clf)
ISO_INSTANT = Variable("instant", read_instant=instants.iso)
EPOCH_INSTANT = Variable("instant", read_instant=instants.epoch)
QUERY = Variable("query")
ANY = Variable()
HOST = Variable(slashless=True)
