"""The pictures in docs/pictures: what each shows, and the files that decide what it looks like.

`make pictures` draws them and writes the manifest; test_pictures.py compares the manifest with what is here now.
"""

import ast
import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "pictures"
MANIFEST = FOLDER / "manifest.json"
_BOARDS = "dashboards/json"
_PAGE = ("foundation/templates/base.html", "foundation/templates/style.css")
_NOT_DRAWN = frozenset({"description", "version"})


class Drawn(NamedTuple):
    """A picture. name: of its file. shows: the alt text. sources: patterns of files below the root."""

    name: str
    shows: str
    sources: tuple[str, ...]
    board: str = ""


def _read_board(uid: str) -> dict[str, Any]:
    board: dict[str, Any] = json.loads((ROOT / _BOARDS / f"{uid}.json").read_text("utf-8"))
    return board


def _board(name: str) -> Drawn:
    """The picture of a board, with the board's own title."""
    uid = f"tidewatch-{name}"
    return Drawn(name, f'The board "{_read_board(uid)["title"]}"', (f"{_BOARDS}/{uid}.json",), uid)


PICTURES = (
    Drawn("home", 'The board "Home"', (f"{_BOARDS}/tidewatch.json",), "tidewatch"),
    *map(_board, ("site", "generator", "service-levels", "logs", "hosting", "stores", "releases", "itself")),
    Drawn(
        "preview",
        'The board "Site traffic" on the preview page',
        ("dashboards/preview/static/*.html", "dashboards/preview/static/*.css", "dashboards/preview/static/**/*.js"),
    ),
    Drawn("receiver", "The alert receiver's page", ("alerts/templates/alerts.html", *_PAGE)),
    Drawn(
        "alert-mail", "A mail about server errors", ("alerts/templates/mail.tmpl", "alerts/templates/tidewatch.tmpl")
    ),
    Drawn("exporter", "The exporter's first page", ("exporter/web/templates/landing.html", *_PAGE)),
    Drawn(
        "stores-table",
        "The page of all stores over a range",
        ("exporter/stores/templates/stores.html", "exporter/stores/templates/parts.html", *_PAGE),
    ),
    Drawn(
        "stores-one",
        "The page of one store over a range",
        ("exporter/stores/templates/store.html", "exporter/stores/templates/parts.html", *_PAGE),
    ),
    Drawn(
        "stores-zones",
        "The page of stores by timezone",
        ("exporter/stores/templates/stores.html", "exporter/stores/templates/parts.html", *_PAGE),
    ),
    Drawn("stores-api", "The page that describes the store API", ("exporter/stores/templates/docs.html", *_PAGE)),
    Drawn(
        "stores-report",
        "A report of stores, as a page to send",
        ("exporter/stores/templates/stores.html", "exporter/stores/templates/parts.html", *_PAGE),
    ),
    Drawn("hosting-report", "The report of a web host's customers", ("exporter/hosting/templates/report.html", *_PAGE)),
    Drawn(
        "releases-heatmap", "Error codes by time, candidate against baseline", ("exporter/releases/render/picture.py",)
    ),
    Drawn("stats-rates", "The rates of a stats page", ("exporter/stats/plot/render.py",)),
    Drawn("plan", "A plan of load with tide, bursts and jitter", ("trafficgen/plan/drawn.py",)),
)


def digest(picture: Drawn) -> str:
    """A hash of what the picture's sources draw: without comments, docstrings and descriptions."""
    paths = sorted({path for pattern in picture.sources for path in ROOT.glob(pattern)})
    assert paths, f"{picture.name}: no file matches {picture.sources}"
    texts = [f"{path.relative_to(ROOT)}\n{_what_draws(path)}" for path in paths]
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]


def panel_titles(uid: str) -> list[str]:
    """The titles of a board's panels, in order; those of folded rows, too."""
    return [panel["title"] for row in _read_board(uid)["panels"] for panel in (row, *row.get("panels", ()))]


def _what_draws(path: Path) -> str:
    text = path.read_text("utf-8")
    if path.suffix == ".json":
        return json.dumps(_without(json.loads(text)), sort_keys=True)
    return _without_words(text) if path.suffix == ".py" else text


def _without(value: object) -> object:
    if isinstance(value, dict):
        return {key: _without(inner) for key, inner in value.items() if key not in _NOT_DRAWN}
    return [_without(inner) for inner in value] if isinstance(value, list) else value


def _without_words(text: str) -> str:
    """Python's lines without those of docstrings and comments; the same in every version of Python."""
    lines = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            lines[node.lineno - 1 : node.end_lineno] = [""] * ((node.end_lineno or node.lineno) - node.lineno + 1)
    return "\n".join(line.rstrip() for line in lines if line.strip() and not line.lstrip().startswith("#"))
