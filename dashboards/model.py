"""The boards' JSON as this project reads it: the preview, `query-all` and the tests share it. Pure but for `load`.

Only what they use is declared; Grafana's other settings pass by unread. Not for making boards: that is `style`.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from foundation.errors import ConfigError
from foundation.grammar import duration_s
from foundation.jsonread import why_not_json

JSON_DIR = Path(__file__).parent / "json"
MAY_BE_EMPTY = "May be empty: "  # starts the sentence of a description that says when no data is right
_LABEL_VALUES = re.compile(r"label_values\((?P<selector>.+),\s*(?P<label>[a-zA-Z_][a-zA-Z0-9_]*)\)\Z")


class GridPos(msgspec.Struct, frozen=True):
    """Place on the grid of 24 columns."""

    x: int = 0
    y: int = 0
    w: int = 24
    h: int = 1


class Target(msgspec.Struct, frozen=True, rename="camel"):
    """One query of a panel."""

    expr: str
    ref_id: str
    legend_format: str = ""
    instant: bool = False
    format: str = "time_series"
    interval: str = ""


class Transformation(msgspec.Struct, frozen=True):
    """One step from the answers of queries to the rows of a table."""

    id: str
    options: dict[str, Any]


class Panel(msgspec.Struct, frozen=True, rename="camel"):
    """One panel, or a row's heading."""

    id: int
    type: str
    title: str = ""
    description: str = ""
    grid_pos: GridPos = GridPos()
    targets: list[Target] = []
    transformations: list[Transformation] = []
    field_config: dict[str, Any] = {}
    options: dict[str, Any] = {}
    panels: list["Panel"] = []
    max_data_points: int | None = None
    interval: str | None = None
    time_from: str | None = None

    @property
    def range_s(self) -> float:
        """The panel's own range, whatever range the board shows; 0 where it has none."""
        return duration_s(self.time_from or "0s", zero=True)

    @property
    def least_step_s(self) -> float:
        """The panel's own shortest step ("Min interval"); 0 where it has none that is a plain duration."""
        try:
            return duration_s(self.interval or "0s", zero=True)
        except ValueError:  # a variable, such as $window
            return 0

    @property
    def may_be_empty(self) -> str:
        """When it is right that the panel shows nothing; empty when it never is."""
        return self.description.partition(MAY_BE_EMPTY)[2]


class Option(msgspec.Struct, frozen=True):
    """One value of a variable."""

    value: str | list[str]
    text: str | list[str] = ""


class Variable(msgspec.Struct, frozen=True, rename="camel"):
    """One choice of the board's reader."""

    name: str
    type: str
    label: str = ""
    description: str = ""
    query: str = ""
    current: Option | None = None
    options: list[Option] = []
    include_all: bool = False
    all_value: str = ".+"
    multi: bool = False

    @property
    def may_be_empty(self) -> str:
        """When it is right that nothing is offered; empty when it never is."""
        return self.description.partition(MAY_BE_EMPTY)[2]

    @property
    def label_values(self) -> tuple[str, str] | None:
        """The selector and the label whose values are offered, where the choice comes from Prometheus."""
        match = _LABEL_VALUES.match(self.query)
        return (match["selector"], match["label"]) if match else None

    @property
    def first(self) -> str:
        """What is chosen when the board opens: a value, or `$__all`."""
        value = self.current.value if self.current else ""
        return value if isinstance(value, str) else (value[0] if value else "")


class Annotation(msgspec.Struct, frozen=True, rename="camel"):
    """One query whose samples mark times on the panels."""

    name: str
    expr: str = ""
    enable: bool = True
    hide: bool = False
    icon_color: str = "red"
    title_format: str = ""
    text_format: str = ""
    tag_keys: str = ""
    use_value_for_time: bool = False
    filter: dict[str, Any] = {}


class _Annotations(msgspec.Struct, frozen=True, rename={"queries": "list"}):
    queries: list[Annotation] = []


class _Templating(msgspec.Struct, frozen=True, rename={"variables": "list"}):
    variables: list[Variable] = []


class _Time(msgspec.Struct, frozen=True, rename={"since": "from"}):
    since: str = "now-1h"


class Board(msgspec.Struct, frozen=True):
    """One dashboard."""

    uid: str
    title: str
    description: str = ""
    refresh: str = ""
    time: _Time = _Time()
    templating: _Templating = _Templating()
    annotations: _Annotations = _Annotations()
    panels: list[Panel] = []

    @property
    def variables(self) -> list[Variable]:
        """The reader's choices, the datasource apart: here there is one Prometheus."""
        return [one for one in self.templating.variables if one.type not in {"datasource", "constant"}]

    def every_panel(self) -> Iterator[Panel]:
        """All panels and row headings, those inside of collapsed rows too."""
        for panel in self.panels:
            yield panel
            yield from panel.panels

    def panel(self, panel_id: int) -> Panel | None:
        """The panel of that id."""
        return next((panel for panel in self.every_panel() if panel.id == panel_id), None)


class BoardFile(NamedTuple):
    """A board, and its file as it is."""

    board: Board
    text: bytes


def read_file(text: bytes) -> BoardFile:
    """One board out of its file's text. Raises msgspec.DecodeError."""
    return BoardFile(msgspec.json.decode(text, type=Board), text)


def load_files(folder: Path) -> dict[str, BoardFile]:
    """Read every board of `folder`, by uid, in the order of their titles. Raises ConfigError with the file's name."""
    found = {}
    for path in sorted(folder.glob("*.json")):
        try:
            file = read_file(path.read_bytes())
        except (OSError, msgspec.DecodeError) as exc:
            raise ConfigError(f"{path}: not a board: {why_not_json(exc)}") from exc
        found[file.board.uid] = file
    if not found:
        raise ConfigError(f"{folder}: no boards here (*.json); `python -m dashboards build` writes them")
    return dict(sorted(found.items(), key=lambda item: item[1].board.title))


def load(folder: Path) -> dict[str, Board]:
    """The boards of `load_files` alone."""
    return {uid: file.board for uid, file in load_files(folder).items()}
