"""The systems by name, and the configuration that names them. A system is imported once a configuration has its key.

What is known of each without an import stands in `SYSTEMS`; a daemon with one access log has no DuckDB, NumPy or SciPy
in its memory.
"""

import importlib
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, cast

import msgspec

from exporter.statedir import state_dir
from exporter.system import Context, System
from foundation.config import read_config
from foundation.extras import REPORTS, need

if TYPE_CHECKING:
    from exporter.accesslog import Source as AccessLogSource
    from exporter.hosting import Source as HostingSource
    from exporter.logs import Source as LogsSource
    from exporter.push.settings import Otlp, Receiver, RemoteWrite
    from exporter.releases import Source as ReleasesSource
    from exporter.stats import Probe
    from exporter.stats import Source as StatsSource
    from exporter.stores import Source as StoresSource


class Door(NamedTuple):
    """Where a system is, and the extra that it needs."""

    package: str
    extra: str = ""

    def source(self) -> Any:
        """The struct of one of its sources. Raises ConfigError where its extra is not installed."""
        if self.extra:
            need(self.package.rpartition(".")[2], self.extra)
        return self.struct()

    def struct(self) -> Any:
        """The struct of one of its sources, which can be read without the extra."""
        return importlib.import_module(f"{self.package}.source").Source

    def open(self, sources: Sequence[Any], context: Context) -> System:
        """The system of these sources. Raises ConfigError."""
        system: System = importlib.import_module(f"{self.package}.system").System(sources, context)
        return system


SYSTEMS = {
    "accesslog": Door("exporter.accesslog"),
    "logs": Door("exporter.logs"),
    "stats": Door("exporter.stats"),
    "hosting": Door("exporter.hosting", REPORTS),
    "releases": Door("exporter.releases", REPORTS),
    "stores": Door("exporter.stores", REPORTS),
}


RECEIVERS = {"remote_write": "RemoteWrite", "otlp": "Otlp"}
"""The keys of receivers, and their structs in `exporter.push.settings`."""


SCHEMA_TITLE = "The configuration of Tidewatch's exporter"


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The configuration file: each system is a list of sources, and each is optional.

    state_dir: the folder of counters and log positions; by default $STATE_DIRECTORY, which systemd sets, else a folder
        of the user or, for root, /var/lib/tidewatch.
    max_open_files: followed files that may be open at a time, over all sources; others are opened to be read. By
        default half of what the process may open.
    accesslog: access logs, counted by method, route and code.
    logs: any other logs, for metrics of your own.
    stats: stats pages, asked at each scrape.
    probe: what `/probe` may ask, and what it makes of the answers.
    hosting: web hosts, with downtime and service levels of each customer.
    releases: streams of errors by build, compared release by release.
    stores: databases of polls, with uptime in business hours.
    remote_write: receivers of Prometheus' remote write that the metrics are pushed to.
    otlp: receivers of OTLP over HTTP that the metrics are pushed to.

    Read it by `read`: the structs of the sources stand in `config_of`.
    """

    state_dir: str | None = None
    max_open_files: Annotated[int, msgspec.Meta(ge=1)] | None = None
    accesslog: "list[AccessLogSource]" = []
    logs: "list[LogsSource]" = []
    stats: "list[StatsSource]" = []
    probe: "Probe | None" = None
    hosting: "list[HostingSource]" = []
    releases: "list[ReleasesSource]" = []
    stores: "list[StoresSource]" = []
    remote_write: "list[RemoteWrite]" = []
    otlp: "list[Otlp]" = []

    @property
    def state(self) -> Path:
        """The folder of the state. Raises ConfigError where there is none."""
        return state_dir(self.state_dir)

    @property
    def receivers(self) -> "dict[str, Receiver]":
        """Where to push, by the place in the file."""
        return {f"{key}[{n}]": receiver for key in RECEIVERS for n, receiver in enumerate(getattr(self, key))}

    def sources(self, system: str) -> list[Any]:
        """The sources of a system."""
        found: list[Any] = getattr(self, system)
        return found


def config_of(keys: Collection[str]) -> type[Config]:
    """The configuration with the structs of these keys; values of other keys are not checked."""
    return _config(keys, {name: door.source() for name, door in SYSTEMS.items() if name in keys})


def whole_config() -> type[Config]:
    """The configuration with the structs of all keys, to describe it: also of systems whose extra is not installed."""
    return _config(Config.__struct_fields__, {name: door.struct() for name, door in SYSTEMS.items()})


def _config(keys: Collection[str], found: dict[str, Any]) -> type[Config]:
    probe: Any = importlib.import_module("exporter.stats.modules").Probe if "probe" in keys else Any
    sources = {name: found.get(name, Any) for name in SYSTEMS}
    sources |= {key: _receiver(kind) if key in keys else Any for key, kind in RECEIVERS.items()}
    kinds: dict[str, Any] = {name: list[source] for name, source in sources.items()}  # type: ignore[valid-type]
    kinds["probe"] = probe | None
    made: Any = msgspec.defstruct(
        "Config",
        [(name, kinds[name], getattr(Config(), name)) for name in Config.__struct_fields__ if name in kinds],
        bases=(Config,),
        frozen=True,
        forbid_unknown_fields=True,
        kw_only=True,
    )
    return cast("type[Config]", made)


def _receiver(kind: str) -> Any:
    return getattr(importlib.import_module("exporter.push.settings"), kind)


def read(path: Path, *, pipes: bool = True) -> Config:
    """The configuration in `path`. `pipes` as `foundation.config.read_text` has it. Raises ConfigError."""
    return read_config(path, config_of, pipes=pipes)
