"""The input that a source's configuration names."""

from collections.abc import Callable, Mapping

from exporter.sources.input import Input
from exporter.sources.journal.follow import JournalInput
from exporter.sources.pipes import Fifo, StandardInput
from exporter.sources.place import Place
from exporter.sources.received import Received, Receiver
from exporter.sources.syslog.datagrams import Datagrams
from exporter.sources.syslog.streams import Streams
from exporter.sources.tail import Limits, Tail
from foundation.clock import Clock


def input_of(
    place: Place,
    saved: Mapping[str, bytes] | None,
    *,
    from_start: bool,
    clock: Clock,
    batch_bytes: int,
    alike: Callable[[str], bool] | None = None,
) -> Input:
    """Opens nothing. `alike`: see Tail. Raises StoreError if `saved`, of an earlier run, is not a position there."""
    if place.journal is not None:
        return JournalInput(place.journal, from_start=from_start, clock=clock, saved=saved, batch_bytes=batch_bytes)
    if (receiver := _receiver(place)) is not None:
        return Received(receiver, clock=clock, saved=saved, batch_bytes=batch_bytes)
    limits = Limits(batch_bytes=batch_bytes, files=place.max_files, required=place.required)
    return Tail(place.globs, from_start=from_start, clock=clock, saved=saved, limits=limits, alike=alike)


def _receiver(place: Place) -> Receiver | None:
    if place.stdin:
        return StandardInput()
    if place.fifo is not None:
        return Fifo(place.fifo)
    if place.listen is None:
        return None
    is_datagrams = place.listen.endpoint().scheme in ("udp", "unix")
    return Datagrams(place.listen) if is_datagrams else Streams(place.listen)
