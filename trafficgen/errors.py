"""The errors a user of the generator can meet, each with the exit code of the command that ends by it.

Texts say what, where and what would be right, in one line. Anything else that escapes is a bug and keeps its traceback.
"""


class TrafficgenError(Exception):
    """Something the user can act on; its text is all they see."""

    exit_code = 1


class UsageError(TrafficgenError):
    """A flag, a scenario or a target says something that cannot be; nothing was sent."""

    exit_code = 2
