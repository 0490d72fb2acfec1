"""The daemon: read the configuration, build the systems, run them, serve what they tell.

A system in trouble with its sources says so in its metrics and goes on; an exception that leaves `run` is a bug and
ends the process. The first SIGTERM or SIGINT drains: systems put their state away, the last scrapes are answered. The
second ends the process at once.
"""

import asyncio
import logging
import signal
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

from exporter.accesslog import Source as AccessLogSource
from exporter.accesslog import System as AccessLogSystem
from exporter.catalogue import Family, itself
from exporter.checkpoint import REASONS, STATE_DIR
from exporter.hosting import Source as HostingSource
from exporter.hosting import System as HostingSystem
from exporter.releases import Source as ReleasesSource
from exporter.releases import System as ReleasesSystem
from exporter.statefile import keep_files_private
from exporter.stats import Probe, Prober
from exporter.stats import Source as StatsSource
from exporter.stats import System as StatsSystem
from exporter.stores import Source as StoresSource
from exporter.stores import System as StoresSystem
from exporter.system import Context, Keeping, Reloading, System
from exporter.web.app import Scraper, build_app
from exporter.web.policy import families as web_families
from foundation.clock import Clock, SystemClock
from foundation.config import read_config
from foundation.errors import ConfigError, SourceError, ungrouped
from foundation.listen import OVERDUE, Connections, connections, http_server, listen
from foundation.signals import stop_on_signals
from foundation.web import Guard, WebPolicy

log = logging.getLogger(__name__)

TAIL_FILES = 512
"""Descriptors that followed logs may take whatever the clients do; where the process may have fewer, three quarters."""


BEGIN_S = 5.0
"""How long the first positions may take to reach the disk before the daemon listens without them."""


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The configuration file: each system is a list of sources, and each is optional."""

    state_dir: str = STATE_DIR
    accesslog: list[AccessLogSource] = []
    stats: list[StatsSource] = []
    probe: Probe | None = None
    hosting: list[HostingSource] = []
    releases: list[ReleasesSource] = []
    stores: list[StoresSource] = []


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What the daemon takes from its flags."""

    config_file: Path | None
    listen: tuple[tuple[str, int], ...] = (("127.0.0.1", 8090),)
    web_config_file: Path | None = None
    allowed_hosts: tuple[str, ...] = ()
    telemetry_path: str = "/metrics"
    max_requests: int = 40
    lifecycle: bool = False
    created: bool = False


def doors(config: Config) -> dict[str, tuple[Callable[[Any, Context], System], list[Any]]]:
    """Each system's constructor and its sources, by the system's name."""
    return {
        "accesslog": (AccessLogSystem, config.accesslog),
        "stats": (StatsSystem, config.stats),
        "hosting": (HostingSystem, config.hosting),
        "releases": (ReleasesSystem, config.releases),
        "stores": (StoresSystem, config.stores),
    }


def load(path: Path | None, *, state_dir: str | None = None) -> Config:
    """The configuration in `path`, or the empty one. Raises ConfigError, also when it wants another `state_dir`."""
    # at a reload everything runs on meanwhile, and a pipe such as `<(envsubst ...)` has been read
    config = read_config(path, Config, pipes=state_dir is None) if path else Config()
    if state_dir is not None and config.state_dir != state_dir:
        raise ConfigError(f"{path}: $.state_dir: going over from {state_dir} to {config.state_dir} needs a restart")
    for name, (_, sources) in doors(config).items():
        names = [source.source for source in sources]
        if twice := {n for n in names if names.count(n) > 1}:
            raise ConfigError(f"{path}: $.{name}: source {min(twice)} stands there twice; each needs its own name")
    return config


class Daemon:
    """One running exporter."""

    def __init__(self, options: Options, clock: Clock | None = None) -> None:
        """Reads the configuration and builds the systems. Raises ConfigError."""
        self.options = options
        self.clock = clock or SystemClock()
        self.config = load(options.config_file)
        self.web = WebPolicy(options.web_config_file, options.allowed_hosts)
        self._context = Context(Path(self.config.state_dir), self.clock, self.web)
        self.systems = self._build(self.config)
        self.started = asyncio.Event()
        self.addresses: list[tuple[str, int]] = []
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._group: asyncio.TaskGroup | None = None
        self._reload_ok = 1
        self._reload_time = self.clock.wall()

    def _build(self, config: Config) -> dict[str, System]:
        return {name: door(sources, self._context) for name, (door, sources) in doors(config).items() if sources}

    async def reload(self) -> None:
        """Read the configuration again and go over to it. Raises ConfigError, and then everything runs on as it was.

        A system whose sources did not change is left alone. One that can reload itself keeps its counters; another
        is stopped, which puts its state away, and started anew from there.
        """
        try:
            config = load(self.options.config_file, state_dir=self.config.state_dir)
            wanted = self._build(config)
        except ConfigError:
            self._reload_ok = 0
            raise
        before = {name: sources for name, (_, sources) in doors(self.config).items()}
        self.config = config
        for name, (_, sources) in doors(config).items():
            if sources != before[name]:
                await self._replace(name, sources, wanted.get(name))
        self._reload_ok, self._reload_time = 1, self.clock.wall()
        log.info("the configuration was read again")

    async def _replace(self, name: str, sources: list[Any], wanted: System | None) -> None:
        running = self.systems.get(name)
        if isinstance(running, Reloading) and wanted is not None:
            await running.reload(sources)
            return
        if running is not None:
            self._tasks[name].cancel()
            await asyncio.wait([self._tasks.pop(name)])
            del self.systems[name]
        if wanted is not None:
            self.systems[name] = wanted
            self._start(name, wanted)

    def _start(self, name: str, system: System) -> None:
        assert self._group is not None
        self._tasks[name] = self._group.create_task(system.run(), name=name)

    def own_families(self) -> list[Family]:
        """What the daemon tells of itself."""
        return [
            itself.CONFIG_RELOAD_SUCCESS.single(self._reload_ok),
            itself.CONFIG_RELOAD_TIME.single(self._reload_time),
            *_connection_families(connections()),
            *self._checkpoint_families(),
            itself.SOURCE_FAILURES.family(
                {
                    (name, source): count
                    for name, system in self.systems.items()
                    if isinstance(system, Keeping)
                    for source, count in system.failures.items()
                }
            ),
            *web_families(self.web),
        ]

    def _checkpoint_families(self) -> list[Family]:
        checkpoint = self._context.opened_checkpoint()
        if checkpoint is None:
            return []
        problems = {(reason,): checkpoint.problems[reason] for reason in REASONS}
        return [
            itself.CHECKPOINT_PROBLEMS.family(problems),
            itself.CHECKPOINT_TIME.single(checkpoint.committed_s),
        ]

    def describe(self) -> Iterator[tuple[str, str]]:
        """(system, source) pairs."""
        for name, (_, sources) in doors(self.config).items():
            yield from ((name, source.source) for source in sources)

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set. Raises SourceError when an address cannot be bound."""
        scraper = Scraper(lambda: self.systems, self.own_families, self.clock, created=self.options.created)
        prober = Prober(lambda: self.config.probe, self.clock)
        app = build_app(
            scraper,
            ready=self.started.is_set,
            reload=self.reload if self.options.lifecycle else None,
            describe=self.describe,
            handlers={"/probe": prober.handle},
            telemetry_path=self.options.telemetry_path,
            max_requests=self.options.max_requests,
        )
        async with AsyncExitStack() as stack:
            stack.callback(self._context.close)
            connections().reserve(TAIL_FILES)
            with ungrouped():
                await self._run_systems(app, stack, stop)

    async def _run_systems(self, app: web.Application, stack: AsyncExitStack, stop: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as self._group:
            for name, system in self.systems.items():
                self._start(name, system)
            self._group.create_task(self._stop_when(stop))
            await self._positions_kept(stop)
            await self._serve(app, stack)
            self.started.set()

    async def _positions_kept(self, stop: asyncio.Event) -> None:
        """Wait until positions stand on disk: whoever finds us listening may kill us, and loses nothing."""
        tasks = [asyncio.create_task(self._begun()), asyncio.create_task(_until(stop))]
        try:
            await asyncio.wait(tasks, timeout=BEGIN_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _begun(self) -> None:
        for system in list(self.systems.values()):
            if isinstance(system, Keeping):
                await system.begun()

    async def _stop_when(self, stop: asyncio.Event) -> None:
        await stop.wait()
        for task in self._tasks.values():
            task.cancel()

    async def _serve(self, app: web.Application, stack: AsyncExitStack) -> None:
        guard = Guard(stack.enter_context(self.web), hosts=[host for host, _ in self.options.listen])
        guard.protect(app)
        server = await http_server(app, stack, problem=guard.problem)
        for wanted in self.options.listen:
            try:
                address = await listen(server.protocol, wanted, stack, ssl_context=self.web.ssl_context)
            except SourceError as exc:
                raise SourceError(f"{exc}; choose another --web.listen-address") from exc
            self.addresses.append(address)
            log.info("listening on %s://%s", self.web.scheme, address)


def _connection_families(table: Connections) -> list[Family]:
    reasons = ["limit", *(state.name.lower() for state in OVERDUE)]
    cut = {(server, reason): table.cut[server, reason] for server in table.by_server for reason in reasons}
    return [
        itself.CONNECTIONS.family({(server,): number for server, number in table.by_server.items()}),
        itself.CONNECTIONS_LIMIT.single(table.limit),
        itself.CONNECTIONS_CUT.family(cut),
    ]


def run_daemon(options: Options) -> None:
    """Run until a signal. Raises TidewatchError for what the user can mend."""
    keep_files_private()
    asyncio.run(_main(options))


async def _main(options: Options) -> None:
    stop = stop_on_signals(log.info)
    loop = asyncio.get_running_loop()
    daemon = Daemon(options)

    async def on_hangup() -> None:
        try:
            await daemon.reload()
        except ConfigError as exc:
            log.error("the old configuration stays: %s", exc)  # noqa: TRY400, the text says all

    hangups: set[asyncio.Task[None]] = set()

    def start_reload() -> None:
        hangups.add(task := loop.create_task(on_hangup()))
        task.add_done_callback(hangups.discard)

    loop.add_signal_handler(signal.SIGHUP, start_reload)
    await daemon.run(stop)


async def _until(stop: asyncio.Event) -> None:
    await stop.wait()
