"""Grafana, which the demo has only where it is installed: where it is, and how it may end without ending the rest."""

import os
import re
import shlex
import shutil
from pathlib import Path
from typing import NamedTuple

GRAFANA = "grafana"  # its name in the Procfile
PROGRAMS = (("grafana", "server"), ("grafana-server",))  # the first is the newer one
DEFAULTS = "conf/defaults.ini"  # what makes a folder the home of a Grafana
HOMES = (
    "/usr/share/grafana",
    "/usr/local/share/grafana",
    "/opt/homebrew/opt/grafana/share/grafana",
    "/usr/local/opt/grafana/share/grafana",
    "/home/linuxbrew/.linuxbrew/opt/grafana/share/grafana",
)
OPT = Path("/opt")
LAST_WORDS_CHARS = 200


class NotThere(Exception):  # noqa: N818, a reason to go on without, not a fault
    """Why a part is left out."""


class Grafana(NamedTuple):
    """How a Grafana is called, as words of a shell, and the folder of its defaults and pages."""

    program: str
    home: Path


def find_grafana() -> Grafana:
    """The Grafana on PATH. Raises NotThere."""
    found = ((words, shutil.which(words[0])) for words in PROGRAMS)
    words, path = next(((words, path) for words, path in found if path), ((), None))
    if path is None:
        raise NotThere("neither `grafana` nor `grafana-server` is on PATH; the preview shows the same boards")
    if named := os.environ.get("GF_PATHS_HOME"):
        if not (Path(named) / DEFAULTS).is_file():
            raise NotThere(f"GF_PATHS_HOME={named} has no {DEFAULTS}")
        return Grafana(shlex.join(words), Path(named))
    above = Path(path).resolve().parents
    homes = [*above, *(folder / "share" / "grafana" for folder in above), *map(Path, HOMES)]
    homes += sorted(OPT.glob("grafana*"))
    home = next((home for home in homes if (home / DEFAULTS).is_file()), None)
    if home is None:
        raise NotThere(f"no {DEFAULTS} was found for {path}; GF_PATHS_HOME=FOLDER names the folder that has it")
    return Grafana(shlex.join(words), home)


def may_end(name: str, command: str) -> str:
    """`command` for a Procfile, where honcho would end all when one ends: it stays, and notes the exit code.

    What the command writes goes to a file of its own.
    """
    return f"{{ {command}; }} >{_file(name, 'log')} 2>&1; echo $? >{_file(name, 'ended')}; exec sleep 1000000000"


def last_words(name: str, run: Path) -> str | None:
    """How the part `name` ended, for the person who started the demo; None while it has not.

    run: the folder of the run's files.
    """
    try:
        code = (run / f"{name}.ended").read_text("utf-8").strip()
    except OSError:
        return None
    log = run / f"{name}.log"
    lines = log.read_text("utf-8", "replace").split("\n") if log.exists() else []
    told = [line for line in (re.sub(r"\x1b\[[0-9;]*m|[^ -~]", "", line).strip() for line in lines) if line]
    said = f": {told[-1][:LAST_WORDS_CHARS]}" if told else ""
    return f"it ended with exit code {code}{said} (all of it: {log})" if code else None


def _file(name: str, kind: str) -> str:
    return f".tidewatch/run/{name}.{kind}"
