"""A click command as a program: exit codes, and one line on stderr for each error that the user can correct."""

import errno
import os
import re
import signal
import sys
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import NoReturn

import click

from foundation.errors import OUT_OF_MEMORY, ConfigError, StoreError, TidewatchError, in_words, is_out_of_memory
from foundation.exits import Exit
from foundation.extras import extra_of, lacks
from foundation.start import take_over
from foundation.terminal import echo, printable

_DUCKDB_INTERRUPTED = "Query interrupted"  # what DuckDB makes of a KeyboardInterrupt, without a type of its own
_MOST_CAUSES = 50  # of an exception, one behind the other
_NOT_WRITTEN = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EPIPE})
_BLAS_THREADS = "OPENBLAS_NUM_THREADS"
_FOLD = re.compile(r"\s*\n\s*")  # click lists choices on lines of their own


def run_command(name: str, command: Callable[..., object]) -> None:
    """Run `command`; report errors that the user can correct under the program's `name`, with their exit code.

    A command ends with a code of its own by `ctx.exit(code)`, which click returns. If the reader of the output has
    closed it, it ends silently with 141; if it cannot be written, that is one line. A bug is a traceback, without
    control characters from outside.

    Where NumPy is imported by it, OpenBLAS gets one thread unless the environment says otherwise.
    """
    # Our matrices are small, and its threads wait for work by spinning: a quarter of a report's processor time where
    # the machine has other work.
    os.environ.setdefault(_BLAS_THREADS, "1")
    sys.excepthook = _print_bug
    out = sys.stdout
    try:
        take_over()
        code = command(standalone_mode=False)
        sys.stdout.flush()
    except BaseException as exc:  # noqa: BLE001, Ctrl-C comes as whatever a library makes of it
        if _interrupted(exc):
            _end_at_ctrl_c()
        if isinstance(exc, SystemExit) and sys.stdout is not out:  # click puts another there once nobody reads it
            sys.exit(Exit.BROKEN_PIPE)
        _end_by(name, exc)
    if isinstance(code, int):
        sys.exit(code)


def _interrupted(exc: BaseException | None, seen: int = 0) -> bool:
    """Whether Ctrl-C is what an exception came from: libraries make errors of their own of it, imports too."""
    if isinstance(exc, click.Abort | KeyboardInterrupt) or str(exc) == _DUCKDB_INTERRUPTED:
        return True
    if isinstance(exc, BaseExceptionGroup):
        return any(_interrupted(one, seen + 1) for one in exc.exceptions)
    if exc is None or isinstance(exc, SystemExit) or seen > _MOST_CAUSES:
        return False
    return _interrupted(exc.__cause__ or exc.__context__, seen + 1)


def _end_at_ctrl_c() -> NoReturn:
    """Exit with 130; another Ctrl-C while threads and files are closed ends at once, without a traceback."""
    signal.signal(signal.SIGINT, lambda *_: os._exit(Exit.INTERRUPTED))
    sys.exit(Exit.INTERRUPTED)


def _end_by(name: str, error: BaseException) -> NoReturn:
    """Report an error that ends the command. A bug is raised as it is."""
    try:
        raise error
    except (MemoryError, RuntimeError, ImportError, BaseExceptionGroup) as exc:
        if is_out_of_memory(exc):
            echo(f"{name}: {OUT_OF_MEMORY}", err=True)
            sys.exit(StoreError.exit_code)
        if isinstance(exc, ModuleNotFoundError) and (extra := extra_of(exc.name)):
            echo(f"{name}: this {lacks(extra)}", err=True)
            sys.exit(ConfigError.exit_code)
        raise
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
        if exc.errno == errno.EPIPE:
            sys.exit(Exit.BROKEN_PIPE)
        echo(f"{name}: standard output: {in_words(exc)}", err=True)
        sys.exit(StoreError.exit_code)


def _print_bug(kind: type[BaseException], exc: BaseException, trace: TracebackType | None) -> None:
    echo("".join(traceback.format_exception(kind, exc, trace)), err=True, nl=False)
