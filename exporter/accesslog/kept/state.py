"""Lists and deletes the routes in a source's state: `exporter routes`.

Routes that strangers caused stay in the state for ever, because a counter that disappears and returns is a reset to
Prometheus. Deleting causes that reset on purpose: a route that returns begins at 0, and its `_created` says when.
"""

from collections.abc import Collection, Iterable
from pathlib import Path

import msgspec

from exporter.accesslog.labels import is_success
from exporter.accesslog.source import Source
from exporter.accesslog.state import Traffic
from exporter.checkpoint import Changes, Checkpoint
from foundation.clock import SystemClock


class KeptRoute(msgspec.Struct, frozen=True):
    """One route of the state. answered: whether it ever had an answer with success. declared: in the configuration."""

    route: str
    requests: int
    answered: bool
    declared: bool


def kept_routes(state_dir: Path, source: Source) -> list[KeptRoute]:
    """The routes, the most requested first. Raises StoreError where another process has the state."""
    with _opened(state_dir) as checkpoint:
        saved = checkpoint.load(_scope(source))
    counts: dict[str, int] = {}
    answered = set()
    for (_, _, route, code, *_), one in Traffic(
        msgspec.structs.replace(source, routes=()), 0.0, saved
    ).requests.items():
        counts[route] = counts.get(route, 0) + one.count
        if one.count and is_success(code.encode()):
            answered.add(route)
    routes = (KeptRoute(route, n, route in answered, route in source.routes) for route, n in counts.items())
    return sorted(routes, key=lambda one: (-one.requests, one.route))


def forget(state_dir: Path, source: Source, routes: Collection[str]) -> int:
    """Drop all counters of the routes from the state. Returns the number of series."""
    with _opened(state_dir) as checkpoint:
        keys = frozenset(_keys_of(checkpoint.load(_scope(source)), routes))
        if keys:
            checkpoint.commit_now(_scope(source), Changes(puts={}, deletes=keys))
    return len(keys)


def _opened(state_dir: Path) -> Checkpoint:
    return Checkpoint(state_dir / "exporter.db", SystemClock())


def _scope(source: Source) -> str:
    return f"accesslog/{source.source}"


def _keys_of(saved: Iterable[str], routes: Collection[str]) -> Iterable[str]:
    """Keys of series, which are JSON lists: method, route and, for requests, code; then custom labels by name."""
    for key in saved:
        if key.startswith("[") and msgspec.json.decode(key, type=list[str | dict[str, str]])[1] in routes:
            yield key
