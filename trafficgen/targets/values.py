"""The values of fields: a function of the seed, of the request's number and of the field's place. Pure.

Nothing is drawn in turn, so request n has the same values however many workers send the plan, and in whatever order.
"""

import zlib
from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np

from trafficgen.targets.template import Cell, Field, Random, Seq, Uuid

_MASK = (1 << 64) - 1
Maker: TypeAlias = Callable[[int], str]
"""The text of a field in request n."""
Tables: TypeAlias = Mapping[str, Mapping[str, tuple[str, ...]]]
"""file, as a template names it -> column -> values"""


def base_of(seed: int) -> int:
    """Where the draws of a run begin: the fifth stream of its seed, beside those of the plan."""
    return int(np.random.SeedSequence(seed).spawn(5)[4].generate_state(1, np.uint64)[0])


def mixed(number: int) -> int:
    """64 bits that look random: the output function of SplitMix64 (Steele, Lea, Flood 2014)."""
    number = (number + 0x9E3779B97F4A7C15) & _MASK
    number = ((number ^ (number >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    number = ((number ^ (number >> 27)) * 0x94D049BB133111EB) & _MASK
    return number ^ (number >> 31)


def draw(base: int, number: int, place: int) -> int:
    """64 random bits for request `number` at `place`."""
    return mixed(mixed((base + number) & _MASK) ^ mixed(place))


def maker(field: Field, *, base: int, place: int, tables: Tables) -> Maker:
    """What fills a field; `place` is its own number among all fields of the run."""
    if isinstance(field, Seq):
        return lambda number: str(number + 1)
    if isinstance(field, Random):
        low, width = field.low, field.high - field.low + 1
        return lambda number: str(low + (draw(base, number, place) * width >> 64))
    if isinstance(field, Uuid):
        return lambda number: _uuid(draw(base, number, place), draw(base, number, ~place & _MASK))
    if isinstance(field, Cell):
        values = tables[field.file][field.column]
        count = len(values)
        if field.in_order:
            return lambda number: values[number % count]
        row_place = zlib.crc32(field.file.encode()) << 32  # the file's, so that all its columns come from one row
        return lambda number: values[draw(base, number, row_place) * count >> 64]
    raise TypeError(f"{field} is not drawn")


def _uuid(high: int, low: int) -> str:
    digits = f"{high & ~0xF000 | 0x4000:016x}{low & (1 << 62) - 1 | 1 << 63:016x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
