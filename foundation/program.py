"""A click command as a program: exit codes, and one line on stderr for what the user can mend."""

import sys
from collections.abc import Callable

import click

from foundation.errors import TidewatchError
from foundation.terminal import echo


def run_command(name: str, command: Callable[..., object]) -> None:
    """Run `command`; what the user can mend is told under the program's `name`, and the exit code says which it was.

    A reader that went away is no error to tell: click sees that first, and ends with 1.
    """
    try:
        command(standalone_mode=False)
    except click.exceptions.Exit as exc:
        sys.exit(exc.exit_code)
    except click.Abort:
        sys.exit(130)
    except click.ClickException as exc:
        hint = f" (see {exc.ctx.command_path} --help)" if isinstance(exc, click.UsageError) and exc.ctx else ""
        echo(f"{name}: {exc.format_message()}{hint}", err=True)
        sys.exit(exc.exit_code)
    except TidewatchError as exc:
        echo(f"{name}: {exc}", err=True)
        sys.exit(exc.exit_code)
