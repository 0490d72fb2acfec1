"""Clock times of many records at once. Pure."""

import numpy as np

from exporter.releases.alike import Ints

BAD = -1

_COLON = ord(":") - ord("0")


def clock_times(text: bytes, starts: Ints, ends: Ints) -> Ints:
    """Seconds since midnight of the fields `[starts, ends)` that are H:MM:SS, with up to three digits of hours.

    `BAD` for every other field, good or not: `records.parse_time` knows more spellings. text: not empty. (fields,).
    """
    figures = np.frombuffer(text, np.uint8)
    length = ends - starts

    def figure(place: int) -> Ints:
        """The figure at a place counted from the end; beyond the field's start any other."""
        return figures[ends - place].astype(np.int64) - ord("0")

    good = (length >= len("0:00:00")) & (length <= len("000:00:00")) & (figure(3) == _COLON) & (figure(6) == _COLON)
    seconds = np.zeros(len(starts), np.int64)
    for place, worth, most in ((1, 1, 9), (2, 10, 5), (4, 60, 9), (5, 600, 5), (7, 3600, 9)):
        value = figure(place)
        good &= (value >= 0) & (value <= most)
        seconds += value * worth
    for place, worth in ((8, 36_000), (9, 360_000)):
        value = np.where(length >= place, figure(place), 0)
        good &= (value >= 0) & (value <= 9)
        seconds += value * worth
    return np.where(good, seconds, BAD)
