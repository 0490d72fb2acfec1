"""YAML files to frozen structs, with errors that name the file, the line, the path and what would be right.

Unknown keys are refused. A system's own settings are a struct in its package; this module only knows how to read one.
"""

import io
from collections.abc import Callable, Collection
from pathlib import Path
from types import FunctionType
from typing import TypeAlias, TypeVar, cast

from foundation.errors import ConfigError, InputError, in_words
from foundation.keys import ShapeError, convert
from foundation.regular import read_start
from foundation.yamltree import TreeError, read_tree

T = TypeVar("T")
Kind: TypeAlias = type[T] | Callable[[Collection[str]], type[T]]
"""A msgspec Struct, or a function that creates it for the keys of the document, if some are slow to import."""

MAX_CONFIG_BYTES = 4 << 20  # a larger configuration is a mistake, for example a log file


def read_config(path: Path, kind: Kind[T], *, pipes: bool = True) -> T:
    """Read `path` as YAML into `kind`. `pipes` as `read_text` has it. Raises ConfigError."""
    return parse_config(read_text(path, pipes=pipes), kind, name=str(path))


def read_text(path: Path, asked: str = "is this the configuration?", *, pipes: bool = True) -> str:
    """The text of a small file that people write. Raises ConfigError.

    Args:
        path: any file, also a pipe or a device, whose size nobody knows before it is read.
        asked: the question in the error about a larger file.
        pipes: False if a pipe could block other work: it is refused then.
    """
    try:
        content = read_start(path, MAX_CONFIG_BYTES + 1, pipes=pipes)
        if len(content) > MAX_CONFIG_BYTES:
            raise ConfigError(f"{path}: larger than {MAX_CONFIG_BYTES >> 20} MiB; {asked}")
        return io.StringIO(content.decode(), newline=None).read()  # each kind of line end as \n
    except OSError as exc:
        raise InputError(f"{path}: {in_words(exc)}") from exc
    except UnicodeDecodeError as exc:
        raise ConfigError(f"{path}: not UTF-8 text (byte {exc.start})") from exc


def parse_config(text: str, kind: Kind[T], *, name: str = "config", first_line: int = 1) -> T:
    """Read YAML text into `kind`. Raises ConfigError that starts with `name` and the line; `first_line`: its number."""
    try:
        tree = read_tree(text)
        if isinstance(kind, FunctionType):  # not list[Source], which can be called too
            kind = kind(tree.value if isinstance(tree.value, dict) else ())
        return cast("T", convert(tree, kind))
    except TreeError as exc:
        raise ConfigError(f"{name}:{exc.line + first_line - 1}: {exc}") from exc
    except ShapeError as exc:
        raise ConfigError(f"{name}:{exc.line + first_line - 1}: {exc.path}: {exc}") from exc
