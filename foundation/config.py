"""YAML files to frozen structs, with errors that name the file, the line, the path and what would be right.

Unknown keys are refused. A system's own settings are a struct in its package; this module only knows how to read one.
"""

import io
from pathlib import Path
from typing import TypeVar, cast

from foundation.errors import ConfigError, in_words
from foundation.keys import ShapeError, convert
from foundation.regular import read_start
from foundation.yamltree import TreeError, read_tree

T = TypeVar("T")
MAX_CONFIG_BYTES = 4 << 20  # a configuration larger than this is a mistake: a log file given for it, say


def read_config(path: Path, kind: type[T], *, pipes: bool = True) -> T:
    """Read `path` as YAML into `kind`, a msgspec Struct. `pipes` as `read_text` has it. Raises ConfigError."""
    return parse_config(read_text(path, pipes=pipes), kind, name=str(path))


def read_text(path: Path, asked: str = "is this the configuration?", *, pipes: bool = True) -> str:
    """The text of a file that people write, which is small. Raises ConfigError.

    Args:
        path: any file, also a pipe or a device, whose size nobody knows before it is read.
        asked: the question to whoever gave a larger file for it.
        pipes: False where others wait meanwhile, whom a pipe would hold up: it is refused then.
    """
    try:
        content = read_start(path, MAX_CONFIG_BYTES + 1, pipes=pipes)
        if len(content) > MAX_CONFIG_BYTES:
            raise ConfigError(f"{path}: larger than {MAX_CONFIG_BYTES >> 20} MiB; {asked}")
        return io.StringIO(content.decode(), newline=None).read()  # each kind of line end as \n
    except OSError as exc:
        raise ConfigError(f"{path}: {in_words(exc)}") from exc
    except UnicodeDecodeError as exc:
        raise ConfigError(f"{path}: not UTF-8 text (byte {exc.start})") from exc


def parse_config(text: str, kind: type[T], *, name: str = "config", first_line: int = 1) -> T:
    """Read YAML text into `kind`. Raises ConfigError that starts with `name` and the line; `first_line`: its own."""
    try:
        return cast("T", convert(read_tree(text), kind))
    except TreeError as exc:
        raise ConfigError(f"{name}:{exc.line + first_line - 1}: {exc}") from exc
    except ShapeError as exc:
        raise ConfigError(f"{name}:{exc.line + first_line - 1}: {exc.path}: {exc}") from exc
