"""The demo's configuration files with other addresses and paths: free ports in tests, host names in containers.

The files that ship name loopback addresses and `.tidewatch/`, and so run unchanged. This copies them to a folder
(`alerts/` whole, and `exporter/demo.yml`), with one text in place of another.
"""

import re
import sys
from collections.abc import Mapping
from importlib.resources import as_file, files
from pathlib import Path

from foundation.errors import StoreError
from foundation.output import replacing
from foundation.terminal import echo

TEXT_SUFFIXES = {".yml", ".yaml", ".tmpl"}
USAGE = """usage: python -m alerts.render FOLDER OLD=NEW ...

Writes alerts/ and exporter/demo.yml under FOLDER, each OLD text in them replaced by NEW:
  python -m alerts.render /config 127.0.0.1:8080=timeserver:8080 127.0.0.1:9093=alertmanager:9093"""


def substitute(text: str, replacements: Mapping[str, str]) -> str:
    """`text` with every key of `replacements` replaced by its value, in one pass: nothing is replaced twice.

    A key that ends in a digit is not found inside a longer number: `127.0.0.1:80` does not touch `127.0.0.1:8080`.
    """
    if not replacements:
        return text
    longest_first = sorted(replacements, key=len, reverse=True)
    pattern = "|".join(re.escape(key) + (r"(?!\d)" if key[-1].isdigit() else "") for key in longest_first)
    return re.sub(pattern, lambda match: replacements[match[0]], text)


def render(folder: Path, replacements: Mapping[str, str]) -> None:
    """Write the configuration under `folder`, as `alerts/` and `exporter/demo.yml`. Raises OSError."""
    with as_file(files("alerts")) as source:
        for path in sorted(p for p in source.rglob("*") if p.suffix in TEXT_SUFFIXES):
            _copy(path, folder / "alerts" / path.relative_to(source), replacements)
            # Prometheus complains of a folder of targets that is not there.
            for watched in re.findall(r"files: \[(.+)/\*\.yml\]", path.read_text("utf-8")):
                (folder / "alerts" / watched).mkdir(parents=True, exist_ok=True)
    with as_file(files("exporter") / "demo.yml") as path:
        _copy(path, folder / "exporter" / "demo.yml", replacements)


def _copy(source: Path, target: Path, replacements: Mapping[str, str]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target, own_name=True) as out:
        out.write(substitute(source.read_text("utf-8"), replacements).encode())


def main(arguments: list[str]) -> int:
    """Run the command line; returns the exit code."""
    if not arguments or arguments[0] in {"-h", "--help"}:
        echo(USAGE)
        return 0 if arguments else 2
    folder, *pairs = arguments
    replacements = dict(pair.split("=", 1) for pair in pairs if "=" in pair.strip("="))
    if len(replacements) != len(pairs):
        echo(USAGE, err=True)
        return 2
    try:
        render(Path(folder), replacements)
    except OSError as exc:
        echo(f"alerts.render: {exc.filename}: {exc.strerror}", err=True)
        return 1
    except StoreError as exc:
        echo(f"alerts.render: {exc}", err=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
