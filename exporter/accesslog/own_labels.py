"""Custom labels: `labels:` of a source, from the fields of a line to values. Pure.

`match` is tried by RE2, in time linear in the length of the text, so that no line can block the daemon: once
for each text of a field, whichever engine has read it.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Literal, TypeAlias

import msgspec

from exporter.accesslog.agents import agent
from exporter.accesslog.columns import Column
from exporter.accesslog.parse.columnar_rows import quoted
from exporter.sources.captures import Captures
from foundation import re2
from foundation.recent import Recent
from foundation.terminal import printable

OTHER = "other"
"""The value of a label in place of values that are not declared or exceed the limit."""
MAX_LABEL_CHARS = 200
"""A longer value is data, not a label."""

_LABEL_NAME = re.compile(r"(?!__)[a-zA-Z_][a-zA-Z0-9_]*")
_TAKEN_LABELS = {"source", "job", "instance", "le", "quantile"}
_FILES = 1 << 13  # whose values are remembered
_PIECE = re.compile(r"\\g<(?P<name>\w+)>|\\(?P<number>[1-9][0-9]?)|\\(?P<sign>\\)|(?P<text>[^\\]+)|.", re.ASCII)
"""Of `replace`; what is none of these is a backslash before something else."""
_SURROGATE = re.compile("[\ud800-\udfff]")

Positive = Annotated[int, msgspec.Meta(ge=1)]
Shape: TypeAlias = Literal["agent", "status"]


def status(text: str) -> str:
    """The class of a status code; `none` of a request that got no answer."""
    if len(text) == 3 and text.isascii() and text.isdigit() and "1" <= text[0] <= "5":
        return f"{text[0]}xx"
    return "none" if text in ("", "-", "0", "-1", "000") else OTHER


SHAPES: Mapping[Shape, Callable[[str], str]] = {"agent": agent, "status": status}


class Label(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    r"""Where a label's value comes from.

    field: the field of the line.
    values: those it may have; other values become `other`. Their series are created at 0.
    match: a regex for the whole field, whose groups `replace` takes; a text that does not match becomes `other`.
    replace: the value, in which `\1` or `\g<name>` stands for a group of `match`.
    shape: a predefined one instead: `agent` (browser, bot, probe, library) or `status` (2xx).
    limit: the maximum number of values, instead of the source's limit.
    """

    field: str
    values: tuple[str | int, ...] = ()
    match: str | None = None
    replace: str | None = None
    shape: Shape | None = None
    limit: Positive | None = None

    @property
    def declared(self) -> tuple[str, ...]:
        """The values that it may have."""
        return tuple(map(str, self.values))


_TEMPLATE = re.compile(r"\{([^{}]+)\}")


def label_of(name: str, spec: str | Label) -> Label:
    """The label that a text of the configuration is. Raises ValueError."""
    if isinstance(spec, Label):
        return spec
    if not (found := _TEMPLATE.fullmatch(spec)):
        raise ValueError(f"labels: {name}: expected one field in braces, for example '{{host}}'")
    return Label(found[1])


def check_name(name: str, where: str, taken: Sequence[str] = ()) -> None:
    """Raises ValueError for what cannot be a label's name."""
    if not _LABEL_NAME.fullmatch(name):
        raise ValueError(f"{where}: a label's name has letters, digits and _, and begins with neither a digit nor __")
    if name in _TAKEN_LABELS or name in taken:
        raise ValueError(f"{where}: the label name is already used by the exporter or Prometheus; expected another one")


def check_static(name: str, value: str, where: str, taken: Sequence[str] = ()) -> None:
    """Raises ValueError for what cannot be one of `static_labels`: a name, and a value that all series have."""
    check_name(name, where, taken)
    if not value or len(value) > MAX_LABEL_CHARS or "{" in value or "}" in value:
        shown = value if len(value) <= MAX_LABEL_CHARS else f"{value[:20]}..."
        raise ValueError(
            f"{where}: invalid value {shown!r}: expected a fixed text, for example shop, of at most {MAX_LABEL_CHARS} "
            "characters; put values from lines or paths in labels"
        )


def check_label(label: Label, where: str) -> None:
    """Raises ValueError where its parts do not fit. Whether `match` compiles is checked where it is used."""
    if label.replace is not None and label.match is None:
        raise ValueError(f"{where}: replace needs match, because it uses the groups of match")
    if label.shape is not None and label.match is not None:
        raise ValueError(f"{where}: expected shape or match, not both")
    if too_long := next((value for value in label.declared if len(value) > MAX_LABEL_CHARS), None):
        raise ValueError(f"{where}: values: {too_long[:20]!r}... has more than {MAX_LABEL_CHARS} characters")


def too_many(name: str, values: int, lines: int, limit: int) -> str | None:
    """The fault of a label with more values in these lines than its limit; None if there is none."""
    if values <= limit:
        return None
    text = f"label {name} would have {values:,} values in the first {lines:,} lines; at most {limit} are kept"
    return f"{text}; choose another field, declare its values, or raise its limit"


class Labelling:
    """The values of one label. Not thread-safe."""

    def __init__(self, name: str, label: Label) -> None:
        """Raises ValueError for a regex that RE2 does not take."""
        self._declared = frozenset(label.declared)
        self._shape = SHAPES[label.shape] if label.shape else None
        self._regex = _Re2(f"labels: {name}", label.match, label.replace) if label.match is not None else None

    def __call__(self, texts: Sequence[str]) -> list[str]:
        """The values of texts of the field, one for one."""
        texts = [_SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text) for text in texts]  # as of a file's name
        if self._regex is not None:
            texts = self._regex(texts)
        elif self._shape is not None:
            texts = list(map(self._shape, texts))
        return [self._fitted(text) for text in texts]

    def _fitted(self, text: str) -> str:
        if self._declared:
            return text if text in self._declared else OTHER
        shown = printable(text)
        return shown if len(shown) <= MAX_LABEL_CHARS else OTHER


def column(name: str, label: Label) -> Column:
    """The column that counts by the label."""
    if label.match is None and label.shape is None and label.values:
        texts = ", ".join(f"'{quoted(value)}'" for value in dict.fromkeys(label.declared))
        listed = f"IN ({texts}) THEN"
        return Column(
            label.field, Labelling(name, label), lambda text: f"CASE WHEN {text} {listed} {text} ELSE '{OTHER}' END"
        )
    return Column(label.field, Labelling(name, label))


class OfFile:
    """The values of labels that all lines of a file have: those of its name's captures."""

    def __init__(self, labels: Mapping[str, Label], captures: Captures) -> None:
        """Raises ValueError for a regex that RE2 does not take."""
        self._captures = captures
        self._values = [(captures.names.index(label.field), Labelling(name, label)) for name, label in labels.items()]
        self._known = Recent[tuple[str, ...], tuple[bytes, ...]](_FILES)

    def __call__(self, path: str) -> tuple[bytes, ...]:
        """Those of the file at `path`, in the order of the labels."""
        captured = self._captures.of(path)
        found = self._known.get(captured)
        if found is None:
            made = [labelling([captured[at]])[0].encode() for at, labelling in self._values]
            found = self._known[captured] = tuple(made)
        return found


class _Re2:
    """A regex for whole texts, and what is made of its groups."""

    def __init__(self, where: str, match: str, replace: str | None) -> None:
        """Raises ValueError for what RE2 does not take, and for groups that the regex does not have."""
        try:
            regex = re2.compiled(match)
        except ValueError as exc:
            raise ValueError(f"{where}: the regex {match!r} is not a valid RE2 regex: {exc}") from exc
        self._match = regex.fullmatch
        try:
            self._pieces = None if replace is None else list(_pieces(replace, regex))
        except ValueError as exc:
            raise ValueError(f"{where}: replace {replace!r}: {exc}") from exc

    def __call__(self, texts: Sequence[str]) -> list[str]:
        """The values of texts; `other` for one that does not match."""
        return list(map(self._one, texts))

    def _one(self, text: str) -> str:
        found = self._match(text)
        if found is None:
            return OTHER
        if self._pieces is None:
            return text
        return "".join(piece if isinstance(piece, str) else found[piece] or "" for piece in self._pieces)


def _pieces(replace: str, regex: re2.Regex) -> Iterator[str | int]:
    """What `replace` is made of: texts, and the numbers of groups. Raises ValueError."""
    for found in _PIECE.finditer(replace):
        if text := found["text"] or found["sign"]:
            yield text
            continue
        name = found["name"] or found["number"]
        if name is None:
            raise ValueError(r"expected groups as \1 or \g<name>, and a backslash as \\")
        number = int(name) if name.isdigit() else regex.groupindex.get(name)
        if number is None or number > regex.groups:
            raise ValueError(f"invalid group reference {found[0]}: the regex has {regex.groups} groups")
        yield number
