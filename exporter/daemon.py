"""The daemon: read the configuration, build the systems, run them, serve what they expose.

A system with faulty sources reports that in its metrics and continues; an exception that leaves `run` is a bug and ends
the process. The first SIGTERM or SIGINT drains: systems save their state, the last scrapes are answered. The second
ends the process at once.
"""

import asyncio
import atexit
import gc
import importlib
import logging
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import web

from exporter.catalogue import Family, itself
from exporter.checkpoint import REASONS
from exporter.memory import give_back
from exporter.sources.descriptors import DESCRIPTORS, raise_limit, share_of_logs
from exporter.statedir import IN_FOLDER
from exporter.statefile import keep_files_private
from exporter.system import Context, Keeping, Reloading, System
from exporter.systems import SYSTEMS, Config, read
from exporter.web.app import Scraper, build_app
from exporter.web.policy import families as web_families
from foundation.clock import Clock, SystemClock
from foundation.errors import ConfigError, SourceError, ungrouped
from foundation.grammar import Address
from foundation.listen import OVERDUE, Connections, connections, http_server, inherited_sockets, listen, listen_on
from foundation.signals import stop_on_signals
from foundation.web import Guard, WebPolicy

if TYPE_CHECKING:
    from exporter.push import Push
    from exporter.stats import Prober

log = logging.getLogger(__name__)

BEGIN_S = 5.0
"""Maximum wait for the first positions to reach the disk; then the daemon listens without them."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """The daemon's flags."""

    config_file: Path | None
    listen: tuple[tuple[str, int], ...] = (("127.0.0.1", 8090),)
    web_config_file: Path | None = None
    allowed_hosts: tuple[str, ...] = ()
    telemetry_path: str = "/metrics"
    max_requests: int = 40
    lifecycle: bool = False
    created: bool = False
    systemd_socket: bool = False


def doors(config: Config) -> dict[str, tuple[Callable[[Any, Context], System], list[Any]]]:
    """Each system's constructor and its sources, by the system's name."""
    return {name: (door.open, config.sources(name)) for name, door in SYSTEMS.items()}


def load(path: Path | None, *, state: Path | None = None) -> Config:
    """The configuration in `path`, or the empty one. Raises ConfigError, or has its state not in `state`."""
    # at a reload everything continues meanwhile, and a pipe such as `<(envsubst ...)` has been read
    config = read(path, pipes=state is None) if path else Config()
    if state is not None and config.state != state:
        raise ConfigError(f"{path}: $.state_dir: a change from {state} to {config.state} needs a restart")
    for name, (_, sources) in doors(config).items():
        names = [source.source for source in sources]
        if twice := {n for n in names if names.count(n) > 1}:
            raise ConfigError(f"{path}: $.{name}: duplicate source {min(twice)}; give each source a different name")
    named = [(name, each) for name, (_, sources) in doors(config).items() for each in sources]
    piped = [f"{name}: {each.source}" for name, each in named if getattr(each, "stdin", False)]
    if len(piped) > 1:
        raise ConfigError(f"{path}: {' and '.join(piped)} have stdin: true; expected one source, as it is read once")
    titles = [receiver.title for receiver in config.receivers.values()]
    if twice := {title for title in titles if titles.count(title) > 1}:
        raise ConfigError(f"{path}: $: duplicate receiver name {min(twice)}; give each a different `name`")
    if config.logs:
        from exporter.logs import check_sources  # noqa: PLC0415, of a system that may not be configured

        try:
            check_sources(config.logs)
        except ValueError as exc:
            raise ConfigError(f"{path}: $.logs: {exc}") from exc
    return config


class Daemon:
    """One running exporter."""

    def __init__(self, options: Options, clock: Clock | None = None) -> None:
        """Reads the configuration and builds the systems. Raises ConfigError."""
        self.options = options
        self.clock = clock or SystemClock()
        self.config = load(options.config_file)
        self.web = WebPolicy(options.web_config_file, options.allowed_hosts)
        self._context = Context(self.config.state, self.clock, self.web)
        self.systems = self._build(self.config)
        self.started = asyncio.Event()
        self.addresses: list[tuple[str, int]] = []
        self._scraper = Scraper(lambda: self.systems, self.own_families, self.clock, created=options.created)
        self._push: Push | None = None
        self._is_pushing = self._stopping = False
        self._check_receivers(self.config)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._group: asyncio.TaskGroup | None = None
        self._prober: Prober | None = None
        self._reloading = asyncio.Lock()
        self._reload_ok = 1
        self._reload_time = self.clock.wall()

    def _build(self, config: Config) -> dict[str, System]:
        return {name: door(sources, self._context) for name, (door, sources) in doors(config).items() if sources}

    def _tell_state(self) -> None:
        """Log where the state is: users who start a second exporter elsewhere must know."""
        folder = self._context.state_dir
        if folder == IN_FOLDER and self.config.state_dir is None:
            log.warning("state in %s of the working directory, as in earlier versions: set state_dir", folder)
        else:
            log.info("state in %s", folder.absolute())

    def _instance(self) -> str:
        """The name of this exporter in a scrape from another machine."""
        address = self.addresses[0] if self.addresses else self.options.listen[0]
        return f"{socket.gethostname()}:{address[1]}"

    async def reload(self) -> None:
        """Read the configuration again and switch to it. Raises ConfigError, and then nothing changes.

        A system whose sources did not change keeps running. One that can reload itself keeps its counters; another is
        stopped, which saves its state, and started again from there.
        """
        async with self._reloading:
            try:
                # in a thread, because it may import a system
                config = await asyncio.to_thread(load, self.options.config_file, state=self.config.state)
                wanted = self._build(config)
                self._check_receivers(config)
            except ConfigError:
                self._reload_ok = 0
                raise
            if not self._stopping:
                await self._go_over(config, wanted)

    def _allow_files(self) -> None:
        """Share the descriptors between logs and clients."""
        most, wanted = share_of_logs(), self.config.max_open_files
        if wanted is not None and wanted > most:
            log.warning("max_open_files is %d, but this process may open only %d files (ulimit -n)", wanted, most)
        DESCRIPTORS.most = most if wanted is None else min(wanted, most)
        connections().reserve(DESCRIPTORS.most)

    async def _go_over(self, config: Config, wanted: dict[str, System]) -> None:
        before = {name: sources for name, (_, sources) in doors(self.config).items()}
        self.config = config
        self._allow_files()
        for name, (_, sources) in doors(config).items():
            if sources != before[name]:
                await self._replace(name, sources, wanted.get(name))
        self._push_to(config)
        self._reload_ok, self._reload_time = 1, self.clock.wall()
        log.info("the configuration was reloaded")

    async def _replace(self, name: str, sources: list[Any], wanted: System | None) -> None:
        running = self.systems.get(name)
        if isinstance(running, Reloading) and wanted is not None:
            await running.reload(sources)
            return
        if running is not None:
            self._tasks[name].cancel()
            await asyncio.wait([self._tasks.pop(name)])
            del self.systems[name]
        if wanted is not None and not self._stopping:  # nobody would stop it again
            self.systems[name] = wanted
            self._start(name, wanted)

    def _start(self, name: str, system: System) -> None:
        assert self._group is not None
        self._tasks[name] = self._group.create_task(system.run(), name=name)

    def own_families(self) -> list[Family]:
        """The metrics of the daemon itself."""
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
            *(self._push.families() if self._push else ()),
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
        self._tell_state()
        app = build_app(
            self._scraper,
            ready=self.started.is_set,
            reload=self.reload if self.options.lifecycle else None,
            describe=self.describe,
            handlers={"/probe": self._probe},
            listed=lambda: ["/probe"] if self.config.probe else [],
            telemetry_path=self.options.telemetry_path,
            max_requests=self.options.max_requests,
        )
        async with AsyncExitStack() as stack:
            stack.callback(self._context.close)
            raise_limit()
            self._allow_files()
            with ungrouped():
                await self._run_systems(app, stack, stop)

    async def _probe(self, request: web.Request) -> web.StreamResponse:
        if self._prober is None:
            probing = await asyncio.to_thread(importlib.import_module, "exporter.stats.probe")
            self._prober = self._prober or probing.Prober(lambda: self.config.probe, self.clock)
        return await self._prober.handle(request)

    async def _run_systems(self, app: web.Application, stack: AsyncExitStack, stop: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as self._group:
            for name, system in self.systems.items():
                self._start(name, system)
            self._group.create_task(self._stop_when(stop))
            await self._positions_kept(stop)
            await self._serve(app, stack)
            give_back()
            self.started.set()
            self._push_to(self.config)

    def _check_receivers(self, config: Config) -> None:
        """Raise ConfigError for a receiver that cannot be pushed to."""
        if self._push is None:
            if not config.receivers:
                return
            from exporter.push import Push  # noqa: PLC0415, 1 MiB, which the configuration of a receiver has imported

            self._push = Push(self._scraper.families, self.clock, self._instance)
        self._push.check(config.receivers)

    def _push_to(self, config: Config) -> None:
        """Switch to the receivers of `config`, which were checked."""
        if self._push is None:
            return
        self._push.reload(config.receivers)
        if self._group is not None and self.started.is_set() and not self._stopping and not self._is_pushing:
            self._is_pushing = True
            self._group.create_task(self._push.run(), name="push")

    async def _positions_kept(self, stop: asyncio.Event) -> None:
        """Wait until positions are on disk: once the exporter listens, it can be killed without loss."""
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
        self._stopping = True
        if self._push is not None:
            await self._push.stop()  # the last push has the values of the systems before they end
        for task in self._tasks.values():
            task.cancel()

    async def _serve(self, app: web.Application, stack: AsyncExitStack) -> None:
        passed = [stack.enter_context(each) for each in inherited_sockets()] if self.options.systemd_socket else []
        names = [each.getsockname() for each in passed]
        self.addresses += [(name[0], name[1]) for name in names if isinstance(name, tuple)]
        wanted = [] if passed else self.options.listen
        guard = Guard(stack.enter_context(self.web), hosts=[host for host, _ in [*self.addresses, *wanted]])
        guard.protect(app)
        server = await http_server(app, stack, problem=guard.problem)
        for each, name in zip(passed, names, strict=True):
            where = str(Address(*name[:2])) if isinstance(name, tuple) else name
            listen_on(server.protocol, each, where, stack, ssl_context=self.web.ssl_context)
            log.info("listening on %s, which systemd passed", where)
        for one in wanted:
            try:
                address = await listen(server.protocol, one, stack, ssl_context=self.web.ssl_context)
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
    """Run until a signal. Raises TidewatchError for errors that the user can correct."""
    keep_files_private()
    asyncio.run(_main(options))


async def _main(options: Options) -> None:
    stop = stop_on_signals(log.info)
    loop = asyncio.get_running_loop()
    daemon = Daemon(options)
    gc.freeze()  # modules and their like stay; collecting them again and again would stop everything for 30 ms
    atexit.register(gc.unfreeze)  # DuckDB reports objects that are left at the end of the process on stderr
    gc.set_threshold(20_000, 20, 20)  # lines make many objects and hardly a cycle: 700 new ones are not worth a look

    async def on_hangup() -> None:
        """Reload; if the new configuration is invalid, log it and continue."""
        try:
            await daemon.reload()
        except ConfigError as exc:
            log.error("the old configuration stays in force: %s", exc)  # noqa: TRY400, the text says all

    hangups: set[asyncio.Task[None]] = set()

    def start_reload() -> None:
        """Reload in a task, which `hangups` holds until it ends."""
        hangups.add(task := loop.create_task(on_hangup()))
        task.add_done_callback(hangups.discard)

    loop.add_signal_handler(signal.SIGHUP, start_reload)
    await daemon.run(stop)


async def _until(stop: asyncio.Event) -> None:
    await stop.wait()
