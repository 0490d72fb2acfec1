"""A click command as a program: exit codes, and one line on stderr for each thing that the user can mend."""

import errno
import os
import re
import sys
import traceback
from collections.abc import Callable
from types import TracebackType

import click

from foundation.errors import OUT_OF_MEMORY, StoreError, TidewatchError, in_words, is_out_of_memory
from foundation.terminal import echo, printable

INTERRUPTED = 130  # by Ctrl-C
_DUCKDB_INTERRUPTED = "Query interrupted"  # what DuckDB makes of a KeyboardInterrupt, without a type of its own
_NOT_WRITTEN = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
_FOLD = re.compile(r"\s*\n\s*")  # click lists choices on lines of their own


def run_command(name: str, command: Callable[..., object]) -> None:
    """Run `command`; what the user can mend is reported under the `name` of the program, and by its exit code.

    A command ends with a code of its own by `ctx.exit(code)`, which click returns. When the reader of the output goes
    away, click notices first and exits with 1; where it cannot be written, that is one line. A bug is a traceback, in
    which nothing from outside acts either.
    """
    sys.excepthook = _print_bug
    try:
        code = command(standalone_mode=False)
    except click.Abort:
        sys.exit(INTERRUPTED)
    except (MemoryError, RuntimeError, ImportError, BaseExceptionGroup) as exc:
        if is_out_of_memory(exc):
            echo(f"{name}: {OUT_OF_MEMORY}", err=True)
            sys.exit(StoreError.exit_code)
        if str(exc) != _DUCKDB_INTERRUPTED:
            raise
        sys.exit(INTERRUPTED)
    except click.exceptions.NoArgsIsHelpError as exc:
        exc.show()
        sys.exit(exc.exit_code)
    except click.ClickException as exc:
        hint = f" (see {exc.ctx.command_path} --help)" if isinstance(exc, click.UsageError) and exc.ctx else ""
        echo(f"{name}: {printable(_FOLD.sub(' ', exc.format_message()))}{hint}", err=True)
        sys.exit(exc.exit_code)
    except TidewatchError as exc:
        for problem in exc.args:
            echo(f"{name}: {printable(problem)}", err=True)
        sys.exit(exc.exit_code)
    except OSError as exc:
        if exc.filename is not None or exc.errno not in _NOT_WRITTEN:  # with a name it is of another file
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # where the rest goes, at exit too
        echo(f"{name}: standard output: {in_words(exc)}", err=True)
        sys.exit(StoreError.exit_code)
    if isinstance(code, int):
        sys.exit(code)


def _print_bug(kind: type[BaseException], exc: BaseException, trace: TracebackType | None) -> None:
    echo("".join(traceback.format_exception(kind, exc, trace)), err=True, nl=False)
