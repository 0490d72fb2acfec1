"""How every command ends: one table of exit codes, and its text in --help.

The same cause has the same code in every command; docs/reference/exit-codes.md explains each. `trafficgen` adds codes
from 6 on that no other command uses.
"""

from collections.abc import Sequence
from enum import IntEnum
from typing import Self


class Exit(IntEnum):
    """A cause of a command's end; the value is the exit code, `words` its text in help and documentation."""

    words: str

    DONE = 0, "done"
    NEGATIVE = 1, "the answer is no: a check, a limit or a comparison failed"
    USAGE = 2, "a flag or a configuration is wrong"
    NOT_READ = 3, "a file cannot be read, a peer cannot be reached, or a port is taken"
    NOTHING_JUDGED = 4, "nothing that was read can be judged"
    NOT_WRITTEN = 5, "results or state cannot be written, or memory ran out"
    INTERRUPTED = 130, "ended by Ctrl-C, or by a second signal"
    BROKEN_PIPE = 141, "the reader of the output has closed it"

    def __new__(cls, code: int, words: str) -> Self:
        """An int that has words."""
        made = int.__new__(cls, code)
        made._value_ = code
        made.words = words
        return made


ALWAYS = (Exit.DONE, Exit.USAGE, Exit.NOT_READ, Exit.NOT_WRITTEN, Exit.INTERRUPTED)
"""The exit codes of every command; `Exit.BROKEN_PIPE` too, which help does not list."""


def examples(*lines: str) -> str:
    """Whole command lines as they are typed, for the end of a command's help."""
    shown = "\n".join(f"  {line}" for line in lines)
    return f"\b\nExample{'s' if len(lines) > 1 else ''}:\n{shown}\n\n"


def help_end(*lines: str, may: Sequence[Exit] = ()) -> str:
    """The end of a command's help: `examples`, and the exit codes: those of `ALWAYS` and the further ones in `may`."""
    codes = ", ".join(f"{one.value} {_SHORT[one]}" for one in sorted({*ALWAYS, *may}))
    return f"{examples(*lines)}Exit codes: {codes}.\n\n"


_SHORT = {
    Exit.DONE: "done",
    Exit.NEGATIVE: "a check or comparison failed",
    Exit.USAGE: "wrong flag or configuration",
    Exit.NOT_READ: "file not readable, peer not reachable, or port taken",
    Exit.NOTHING_JUDGED: "nothing to judge",
    Exit.NOT_WRITTEN: "result or state not written",
    Exit.INTERRUPTED: "interrupted",
}
