"""YAML text to a tree that knows its lines, within bounds: depth, nodes with every alias written out, one document.

A key is text, whatever it looks like, and occurs once in its mapping. Plain values are what PyYAML's safe loader makes
of them, except that times, dates, numbers with colons and numbers with leading zeros stay text: the reader of a key
knows what is meant. Tags other than those of plain values are refused. Nothing here recurses.
"""

import re
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import yaml

from foundation.terminal import printable

MAX_DEPTH = 100  # a configuration has ten levels
MAX_NODES = 100_000  # two thousand sources, read within a second

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as quick, where PyYAML has libyaml
_NULLS = ("", "~", "null", "Null", "NULL")
_TRUE, _FALSE = ("yes", "true", "on"), ("no", "false", "off")
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9_]*|0x[0-9a-fA-F]+)")
_FLOAT = re.compile(
    r"[-+]?(?:(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9]+)(?:[eE][-+][0-9]+)?|\.(?:inf|Inf|INF))|\.(?:nan|NaN|NAN)"
)
_MAX_DIGITS = 4000  # of a whole number; Python reads 4300 at most
_TAG = "tag:yaml.org,2002:"
_MERGE = "<<"
_QUOTED = re.compile(r"'[^']*'|\"(?:[^\"\\]|\\.)*\"")
_BRACKET = re.compile(r"[^\s\[\]{},:]([\[{])")  # one within a text, which within brackets YAML takes for its own

Scalar: TypeAlias = str | int | float | bool | None


class TreeError(ValueError):
    """Text that is not a tree within the limits. The message is for the user, `line` counts from 1."""

    def __init__(self, line: int, text: str) -> None:
        """`text`: the fault, and what would be right."""
        super().__init__(text)
        self.line = line


@dataclass(slots=True, kw_only=True)
class Node:
    """A value in its place.

    line: of its key or, in a list, of its own beginning. text: a scalar as written. plain: whether without quotes.
    size, height: of nodes and of levels from here on, with aliases written out.
    """

    line: int
    value: "Scalar | list[Node] | dict[str, Node]"
    text: str = ""
    plain: bool = False
    size: int = 1
    height: int = 1

    def at(self, line: int) -> "Node":
        """The same value in another place: an alias, or the value of a key."""
        return Node(line=line, value=self.value, text=self.text, plain=self.plain, size=self.size, height=self.height)


def read_tree(text: str, asked: str = "is this the configuration?") -> Node:
    """The one document in `text`; null when there is none. `asked` of a text beyond the bounds. Raises TreeError."""
    builder = _Builder(asked)
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            builder.take(event)
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        raise TreeError(mark.line + 1 if mark else 1, f"not YAML: {exc.problem}{_hint(text, mark)}") from exc
    except yaml.reader.ReaderError as exc:
        line = text.count("\n", 0, max(0, text.find(chr(exc.character)))) + 1
        raise TreeError(line, f"not YAML: the character U+{exc.character:04X} is not allowed; is this text?") from exc
    return builder.root


def _hint(text: str, mark: Any) -> str:
    """The probable fault where YAML cannot be read."""
    lines = text.splitlines()
    line = lines[mark.line] if mark and mark.line < len(lines) else ""
    here = line[mark.column] if mark and mark.column < len(line) else ""
    if here == "\t":
        return "; indent with spaces, not with tabs"
    if here == "\\" or line[: mark.column if mark else 0].endswith("\\"):
        return "; write a pattern in single quotes"
    if here == ":":
        return "; write text that has a colon and a blank in quotes"
    if here and here in "@`%*&!":
        return f"; write text that begins with {here} in quotes"
    bracket = _BRACKET.search(_QUOTED.sub("", line))
    return f"; write text that contains {bracket[1]} in quotes" if bracket else ""


class _Builder:
    """Events to nodes. `root` is the document."""

    def __init__(self, asked: str) -> None:
        self.root = Node(line=1, value=None)
        self._asked = asked
        self._open: list[_Open] = []
        self._anchors: dict[str, Node | None] = {}  # None: of a list or mapping whose end has not come
        self._documents = self._nodes = 0

    def take(self, event: yaml.Event) -> None:
        """The next event of the text. Raises TreeError."""
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise TreeError(line, "expected one document; remove the line ---")
        elif isinstance(event, yaml.AliasEvent):
            self._put(self._anchored(event.anchor or "", line))
        elif isinstance(event, yaml.ScalarEvent):
            node = Node(line=line, value=_scalar(event, line), text=event.value, plain=event.implicit[0])
            self._begin(event, node)
            self._put(node)
        elif isinstance(event, yaml.CollectionStartEvent):
            wanted = "seq" if isinstance(event, yaml.SequenceStartEvent) else "map"
            if event.tag not in (None, "!", _TAG + wanted):
                raise TreeError(line, f"tag {_short(event.tag)} does not apply: remove it")
            opened = _Open(Node(line=line, value=[] if wanted == "seq" else {}), event.anchor)
            self._begin(event, None)
            self._open.append(opened)
            self._check(line, 1, 0)
        elif isinstance(event, yaml.CollectionEndEvent):
            opened = self._open.pop()
            node = opened.closed()
            if opened.anchor:
                self._anchors[opened.anchor] = node
            self._put(node)

    def _begin(self, event: yaml.NodeEvent, node: Node | None) -> None:
        self._nodes += 1
        if event.anchor:
            self._anchors[event.anchor] = node

    def _anchored(self, name: str, line: int) -> Node:
        if name not in self._anchors:
            raise TreeError(line, f"*{_short(name)}: no such anchor before it; write text that begins with * in quotes")
        node = self._anchors[name]
        if node is None:
            raise TreeError(line, f"*{_short(name)}: refers to itself without end")
        return node.at(line)

    def _put(self, node: Node) -> None:
        if not self._open:
            self.root = node
            return
        inner = self._open[-1]
        inner.add(node)
        self._check(node.line, inner.node.size, node.height)

    def _check(self, line: int, size: int, height: int) -> None:
        if len(self._open) + height > MAX_DEPTH:
            raise TreeError(line, f"deeper than {MAX_DEPTH} levels; {self._asked}")
        if max(size, self._nodes) > MAX_NODES:
            raise TreeError(line, f"more than {MAX_NODES:,} values; {self._asked}")


@dataclass(slots=True)
class _Open:
    """A list or mapping whose end has not come. `key`: what a mapping's next node is the value of."""

    node: Node
    anchor: str | None
    key: Node | None = None
    merged: list[Node] = field(default_factory=list)

    def add(self, node: Node) -> None:
        """Take the next item, key or value. Raises TreeError."""
        mine = self.node.value
        if isinstance(mine, list):
            mine.append(node)
        elif isinstance(mine, dict) and self.key is None:
            if isinstance(node.value, list | dict):
                raise TreeError(node.line, "expected text for a key, not a list or a mapping")
            if first := mine.get(node.text):
                raise TreeError(node.line, f"duplicate key {_short(node.text)}, first on line {first.line}")
            self.key = node
        elif isinstance(mine, dict) and self.key is not None:
            if self.key.plain and self.key.text == _MERGE:
                self.merged += node.value if isinstance(node.value, list) else [node]
            else:
                mine[self.key.text] = node.at(self.key.line)
            self.key = None
        self.node.size += node.size
        self.node.height = max(self.node.height, node.height + 1)

    def closed(self) -> Node:
        """The whole node, with the keys of `<<` under its own. Raises TreeError."""
        mine = self.node.value
        for one in self.merged:
            if not isinstance(one.value, dict) or not isinstance(mine, dict):
                raise TreeError(one.line, "expected a mapping, or a list of mappings, after <<")
            for key, child in one.value.items():
                mine.setdefault(key, child)
        return self.node


def _scalar(event: yaml.ScalarEvent, line: int) -> Scalar:
    """The value of a scalar: text in quotes, what a plain one looks like, or what its tag says."""
    plain = _plain(event.value, line) if event.implicit[0] or event.tag else event.value
    kind = {bool: "bool", int: "int", float: "float", str: "str"}.get(type(plain), "null")
    if event.tag in (None, _TAG + kind):
        return plain
    if event.tag in ("!", f"{_TAG}str"):
        return str(event.value)
    raise TreeError(line, f"tag {_short(event.tag)} does not apply: remove it")


def _plain(text: str, line: int) -> Scalar:
    if text in _NULLS:
        return None
    if text.islower() or text.isupper() or text.istitle():
        if text.lower() in _TRUE:
            return True
        if text.lower() in _FALSE:
            return False
    if _INT.fullmatch(text):
        if len(text) > _MAX_DIGITS:
            raise TreeError(line, f"a number of more than {_MAX_DIGITS} digits")
        return int(text.replace("_", ""), 0)
    if _FLOAT.fullmatch(text):
        return float(text.lower().replace("_", "").replace(".inf", "inf").replace(".nan", "nan"))
    return text


def _short(text: str) -> str:
    shown = printable(text.removeprefix(_TAG))
    return shown if len(shown) <= 60 else f"{shown[:57]}..."
