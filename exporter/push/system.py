"""All receivers of a configuration: started by the daemon, replaced at a reload, stopped before the systems are."""

import asyncio
import gzip
import logging
from collections.abc import Callable, Mapping

from exporter.catalogue import Family
from exporter.push.answers import judge
from exporter.push.metrics import families
from exporter.push.receiver import Collect, Protocol, Pusher
from exporter.push.settings import Otlp, Receiver, RemoteWrite
from exporter.push.write_request import WriteRequests
from foundation.clock import Clock
from foundation.errors import ConfigError
from foundation.extras import need

GZIP_LEVEL = 1  # level 9 costs many times as much for a fifth less

log = logging.getLogger(__name__)


class Push:
    """Pushes to all receivers. `run` once."""

    def __init__(self, collect: Collect, clock: Clock, instance: Callable[[], str]) -> None:
        """`instance`: of receivers without one; called when they start."""
        self._collect = collect
        self._clock = clock
        self._instance = instance
        self._receivers: list[Receiver] = []
        self._pushers: dict[str, Pusher] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._group: asyncio.TaskGroup | None = None
        self._stopping = asyncio.Event()

    def check(self, receivers: Mapping[str, Receiver]) -> None:
        """Raise ConfigError, with the place, where an extra is not installed or a file cannot be used."""
        for place, receiver in receivers.items():
            try:
                self._pusher(receiver)
            except ConfigError as exc:
                raise ConfigError(f"$.{place}: {exc}") from exc
            if receiver.shows_secrets_to_all:
                log.warning("$.%s: its secrets go over plain http, readable on the way: use https", place)

    def reload(self, receivers: Mapping[str, Receiver]) -> None:
        """Switch to these receivers, which `check` has accepted. Those that did not change continue."""
        wanted = list(receivers.values())
        for title in [title for title, pusher in self._pushers.items() if pusher.receiver not in wanted]:
            self._pushers.pop(title).stop()
        self._receivers = wanted
        if self._group is not None and not self._stopping.is_set():
            self._start_all(self._group)

    async def run(self) -> None:
        """Push until `stop`, and deliver what waits."""
        if self._stopping.is_set():
            return
        async with asyncio.TaskGroup() as self._group:
            self._start_all(self._group)
            await self._stopping.wait()

    async def stop(self) -> None:
        """Collect and deliver everything once more; returns once it is collected."""
        self._stopping.set()
        for pusher in self._pushers.values():
            pusher.stop()
        for pusher in list(self._pushers.values()):
            await pusher.collected.wait()

    def families(self) -> list[Family]:
        """The metrics of the queues."""
        return list(families(list(self._pushers.values()), self._clock))

    def _start_all(self, group: asyncio.TaskGroup) -> None:
        for receiver in self._receivers:
            if receiver.title not in self._pushers:
                pusher = self._pushers[receiver.title] = self._pusher(receiver)
                before = self._tasks.get(receiver.title)
                self._tasks[receiver.title] = group.create_task(self._run(pusher, before), name=receiver.title)

    async def _run(self, pusher: Pusher, before: asyncio.Task[None] | None) -> None:
        """Push after the previous receiver of that name has delivered: later samples must be sent later."""
        if before is not None:
            await asyncio.wait([before])
        receiver = pusher.receiver
        log.info("pushing to %s every %g s", receiver.title, receiver.interval_s)
        await pusher.run()

    def _pusher(self, receiver: Receiver) -> Pusher:
        return Pusher(receiver, self._protocol(receiver), self._collect, self._clock)

    def _protocol(self, receiver: Receiver) -> Protocol:
        instance = receiver.instance or self._instance()
        if isinstance(receiver, RemoteWrite):
            return _remote_write(receiver, instance)
        assert isinstance(receiver, Otlp)
        return _otlp(receiver, instance)


def _remote_write(receiver: RemoteWrite, instance: str) -> Protocol:
    need("", "remote-write")
    import cramjam  # noqa: PLC0415, an optional extra

    labels = {**receiver.external_labels, "job": receiver.job, "instance": instance}
    return Protocol(
        encoder=WriteRequests(labels, receiver.queue_config.max_samples_per_send),
        headers={
            "Content-Type": "application/x-protobuf",
            "Content-Encoding": "snappy",
            "X-Prometheus-Remote-Write-Version": "0.1.0",
        },
        compress=lambda content: bytes(cramjam.snappy.compress_raw(content)),
        judge=lambda answer, now_s: judge(answer, otlp=False, now_s=now_s),
    )


def _otlp(receiver: Otlp, instance: str) -> Protocol:
    need("", "otlp")
    from exporter.push.otlp import OtlpRequests, judge_answer  # noqa: PLC0415, an optional extra

    resource = {"service.name": receiver.job, "service.instance.id": instance, **receiver.resource_attributes}
    return Protocol(
        encoder=OtlpRequests(resource, receiver.queue_config.max_samples_per_send),
        headers={"Content-Type": "application/x-protobuf", "Content-Encoding": "gzip"},
        compress=lambda content: gzip.compress(content, GZIP_LEVEL, mtime=0),
        judge=judge_answer,
    )
