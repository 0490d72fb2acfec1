"""The metrics of the receivers' queues."""

from collections.abc import Iterable, Sequence

from exporter.catalogue import Family, push
from exporter.push.receiver import Pusher
from foundation.clock import Clock


def families(pushers: Sequence[Pusher], clock: Clock) -> Iterable[Family]:
    """Families of all receivers; none if nothing is pushed."""
    if not pushers:
        return
    named = [((pusher.receiver.title,), pusher) for pusher in pushers]
    now_s = clock.monotonic()
    yield push.COLLECTED.family({name: pusher.batches.taken for name, pusher in named})
    yield push.SENT.family({name: pusher.batches.sent for name, pusher in named})
    yield push.DROPPED.family(
        {(*name, reason): count for name, pusher in named for reason, count in pusher.batches.dropped.items()}
    )
    yield push.PENDING.family({name: pusher.batches.samples for name, pusher in named})
    yield push.PENDING_BYTES.family({name: pusher.batches.bytes for name, pusher in named})
    yield push.LAG.family({name: pusher.lag_s(now_s) for name, pusher in named})
    yield push.REQUESTS.family({name: pusher.requests for name, pusher in named})
    yield push.FAILED.family({(*name, reason): n for name, pusher in named for reason, n in pusher.failed.items()})
    yield push.COLLECTIONS_FAILED.family({name: pusher.collections_failed for name, pusher in named})
    yield push.LAST_SUCCESS.family({name: pusher.last_success_s for name, pusher in named})
