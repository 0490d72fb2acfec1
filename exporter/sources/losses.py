"""The known losses of an input of lines."""

from collections.abc import Mapping
from typing import NamedTuple


class Losses(NamedTuple):
    """Known or possible losses of an input; None where they cannot happen. Totals continue over restarts.

    messages: dropped before they were lines, by reason.
    gaps: places where an unknown number of unread records is missing.
    restarts: how often the program that reads them ended, and was started again.
    """

    messages: Mapping[str, int] | None = None
    gaps: int | None = None
    restarts: int | None = None
