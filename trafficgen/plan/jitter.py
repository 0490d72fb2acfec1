"""The random rate: one draw an interval, uniform in [1 - jitter, 1 + jitter]. Pure: the generator is an argument.

Independent draws wander: a minute of them at jitter 0.5 is off its mean by 3.7 % (one sigma). So by default the draws
come in balanced blocks: stratified, mirrored and shuffled. Each single draw is still exactly uniform, and every block
has exactly the mean, which makes a run "more uniform than chance" and its total what was asked for.
"""

from collections.abc import Iterator
from itertools import repeat
from typing import Literal, TypeAlias

import numpy as np

JitterMode: TypeAlias = Literal["balanced", "iid"]
BLOCK = 32  # blocks of 2 fail a chi-square test; at 32 draws pass it, and lag-1 correlation is -0.03


def draws(rng: np.random.Generator, jitter: float, mode: JitterMode, count: int | None) -> Iterator[float]:
    """Factors for the rate, without end; balanced over `count` of them where the number is known."""
    if jitter == 0:
        return repeat(1.0)
    uniforms = _independent(rng) if mode == "iid" else _balanced(rng, count)
    return (min(max(1 + jitter * (2 * u - 1), 1 - jitter), 1 + jitter) for u in uniforms)


def stepwise(factors: Iterator[float], interval_s: float) -> Iterator[tuple[float, float]]:
    """Factors as steps of equal length: (end of the step, factor)."""
    for number, factor in enumerate(factors, 1):
        yield number * interval_s, factor  # a product, not a sum: no drift


def _independent(rng: np.random.Generator) -> Iterator[float]:
    while True:
        yield from rng.random(BLOCK).tolist()


def _balanced(rng: np.random.Generator, count: int | None) -> Iterator[float]:
    for size in block_sizes(count) if count else []:
        yield from _block(rng, size)
    while True:
        yield from _block(rng, BLOCK)


def block_sizes(count: int) -> list[int]:
    """`count` draws as blocks of about equal, even size of at most 32; one is odd if `count` is."""
    pairs = count // 2
    blocks = max(1, -(-pairs // (BLOCK // 2)))
    sizes = [2 * (pairs // blocks + (number < pairs % blocks)) for number in range(blocks)]
    sizes[-1] += count % 2
    return sizes


def _block(rng: np.random.Generator, size: int) -> list[float]:
    """`size` uniform draws whose sum is exactly size / 2 (a single draw has no partner to balance it)."""
    if size == 1:
        return [float(rng.random())]
    values = _triple(rng.random()) if size % 2 else []
    pairs = (size - len(values)) // 2
    if pairs:
        low = (np.arange(pairs) + rng.random(pairs)) / (2 * pairs)
        values += [*low.tolist(), *(1 - low).tolist()]
    rng.shuffle(values)
    return values


def _triple(u: float) -> list[float]:
    """Three draws, each uniform, that sum to 3/2: u, u half a turn on, and what is missing."""
    other = u + 0.5 if u < 0.5 else u - 0.5
    return [u, other, 1.5 - u - other]
