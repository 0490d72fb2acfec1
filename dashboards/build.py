"""Boards as code to boards as files: every module of `dashboards.boards` becomes one file of `dashboards/json`."""

import importlib
import pkgutil
from pathlib import Path

from dashboards import boards, style
from dashboards.model import JSON_DIR


def discover() -> list[style.Board]:
    """The boards of all modules in `dashboards/boards`, by module name. Each module has a function `board()`."""
    names = sorted(found.name for found in pkgutil.iter_modules(boards.__path__) if not found.name.startswith("_"))
    return [importlib.import_module(f"{boards.__name__}.{name}").board() for name in names]


def rendered() -> dict[str, str]:
    """File name to content, for all boards."""
    return {f"{board.uid}.json": style.rendered(board) for board in discover()}


def stale(folder: Path = JSON_DIR) -> list[str]:
    """Names of the files that are missing, differ from their board, or have none."""
    wanted = rendered()
    found = {path.name: path.read_text("utf-8") for path in folder.glob("*.json")}
    return sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))


def write(folder: Path = JSON_DIR) -> list[str]:
    """Write every board's file and remove those that have no board; the names of the files that changed."""
    wanted, changed = rendered(), stale(folder)
    for name in changed:
        if name in wanted:
            (folder / name).write_text(wanted[name], "utf-8")
        else:
            (folder / name).unlink()
    return changed
