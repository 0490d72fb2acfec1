"""Where every program begins: Ctrl-C ends it with 130 and no traceback, before it works on anything and after it.

Entry points import this module alone. It imports only what needs no file, `_signal` in place of `signal` and its
enumerations: until the handler is there, Ctrl-C makes a traceback of Python's own.
"""

import _signal  # type: ignore[import-not-found]  # built in
import os

INTERRUPTED = 130  # Exit.INTERRUPTED, whose module takes time to import


def start(module: str, function: str = "main") -> None:
    """Import `module` and call its `function`, which runs a command by `foundation.program.run_command`.

    Until the command runs, and once it has ended, nothing is half written: Ctrl-C then ends the process at once.
    A shell that starts a program in the background lets it ignore Ctrl-C, which stays so.
    """
    heard = _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler
    if heard:
        _signal.signal(_signal.SIGINT, _end_at_once)
    from importlib import import_module  # noqa: PLC0415, it imports more

    try:
        getattr(import_module(module), function)()
    finally:
        if heard:
            _signal.signal(_signal.SIGINT, _end_at_once)


def _end_at_once(number: int, frame: object) -> None:  # noqa: ARG001
    """The handler of Ctrl-C where a KeyboardInterrupt would be raised in the middle of an import."""
    os._exit(INTERRUPTED)


def take_over() -> None:
    """Let Ctrl-C raise KeyboardInterrupt again: from now on a command has something to clean up."""
    if _signal.getsignal(_signal.SIGINT) is _end_at_once:
        _signal.signal(_signal.SIGINT, _signal.default_int_handler)
