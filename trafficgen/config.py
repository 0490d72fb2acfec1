"""The settings of a run, beside its plan."""

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field, replace
from pathlib import Path
from typing import Literal, TypeAlias

from trafficgen.plan.arrivals import ArrivalMode
from trafficgen.plan.mix import Fault, Shares
from trafficgen.plan.part import WHOLE, Part
from trafficgen.plan.plan import Phase
from trafficgen.targets.target_set import TargetSet
from trafficgen.units import CONNECTIONS, STREAMS

OnBehind: TypeAlias = Literal["catchup", "drop"]
HttpProtocol: TypeAlias = Literal["http/1.1", "h2", "h2c"]
"""What requests are sent over, by its names in ALPN; `h2c` is HTTP/2 without TLS, with prior knowledge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a run may use."""

    connections: int = CONNECTIONS
    max_in_flight: int = 4096  # sent or waiting for a connection
    timeout_s: float = 10.0  # from the send to the end of the response
    connect_timeout_s: float = 5.0
    streams: int = STREAMS

    def divided(self, workers: int) -> "Limits":
        """The share of one of `workers`."""
        return replace(
            self, connections=-(-self.connections // workers), max_in_flight=-(-self.max_in_flight // workers)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How the host of the URL is reached, where that is not by its name alone. Files are PEM."""

    cacert: Path | None = None  # authorities, instead of the system's
    cert: Path | None = None  # of this client
    key: Path | None = None  # of `cert`, if it does not hold it
    sni: str | None = None  # the name that the server is asked for and must prove, instead of the URL's host
    connect_to: tuple[str, int] | None = None  # host and port, instead of the URL's
    addresses: tuple[str, ...] = ()  # of the URL's host, instead of looking it up


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadConfig:
    """A run. Without `mix` every request goes to a target by its weight, or to the path of `url`."""

    url: str
    phases: tuple[Phase, ...]
    _: KW_ONLY
    mix: Shares | None = None
    targets: TargetSet | None = None  # what the names in the mix are that are not paths
    faults: tuple[Fault, ...] = ()
    repeat: bool = False
    arrival: ArrivalMode = "even"
    seed: int | None = None  # None: a random one, shown in the report
    part: Part = WHOLE  # of the plan, where several machines send it; needs a seed
    start_at: float | None = None  # Unix time; None: at once
    limits: Limits = field(default_factory=Limits)
    workers: int = 1  # processes; they share the plan and the limits
    on_behind: OnBehind = "catchup"
    grain_s: float | None = None  # wake-ups to send are at least so far apart; None: by the rate
    protocol: HttpProtocol = "http/1.1"
    keepalive: bool = True
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    unix_socket: str | None = None
    insecure: bool = False  # accept any certificate
    reach: Reach = Reach()
    allow_public: bool = False
    wait_s: float = 0.0  # how long to wait for a target that does not listen yet
