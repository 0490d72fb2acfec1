"""The flags that several commands share, and how their texts are read."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from foundation.errors import ConfigError
from foundation.flags import AddressType, DurationType, option_group, web_options
from trafficgen.config import Limits, MetricsAt
from trafficgen.report.thresholds import Threshold, parse_threshold
from trafficgen.units import MAX_DURATION_S


def checked(check: Callable[[Any], Any]) -> Callable[[click.Context, click.Parameter, Any], Any]:
    """A click callback from a function that raises ConfigError."""

    def callback(_context: click.Context, _parameter: click.Parameter, value: Any) -> Any:
        return None if value is None else check(value)

    return callback


def _metrics_at(context: click.Context, parameter: click.Parameter, value: Any) -> MetricsAt | None:
    asked = context.get_parameter_source(parameter.name or "") is not ParameterSource.DEFAULT
    return None if value == "off" else MetricsAt(value, or_free_port=not asked)


LENGTH = DurationType(most_s=MAX_DURATION_S)
_WAIT = DurationType(most_s=MAX_DURATION_S, zero=True)


def _thresholds(texts: tuple[str, ...]) -> list[Threshold]:
    return [parse_threshold(text) for text in texts]


def writable(path: Path) -> Path:
    """A place for a file, checked before hours of traffic end in front of a missing folder. Raises ConfigError."""
    if not path.parent.is_dir():
        raise ConfigError(f"--output: {path}: there is no folder {path.parent}")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise ConfigError(f"--output: {path}: not writable")
    return path


plan_options = option_group(
    click.option("--rps", type=float, help="Requests a second, on average."),
    click.option(
        "--jitter", type=float, default=0.0, help="The rate of each interval is random in rps x (1 -+ jitter); 0 to 1."
    ),
    click.option("--jitter-interval", default="1s", type=LENGTH, help="How long each random rate holds."),
    click.option(
        "--jitter-mode",
        type=click.Choice(["balanced", "iid"]),
        default="balanced",
        help="balanced: the mean comes out exactly; iid: independent draws.",
    ),
    click.option(
        "--pattern",
        "patterns",
        multiple=True,
        help="constant; tide:period=10m,amplitude=0.5,phase=0 (5m..15m is drawn); ramp:to=500,over=1m; "
        "steps:rates=100/200,every=30s; like:access.log[,step=1m,over=10m]; a CSV file of seconds,rate; and, on top of "
        "them too, burst:on=5s,off=25s,factor=4[,additive] and intermittent:on=30s,off=60s (both drawn).",
    ),
    click.option(
        "--arrival", type=click.Choice(["even", "poisson"]), default="even", help="Even gaps, or a Poisson process."
    ),
    click.option("--mix", help="Weighted paths, such as '/=90,/fail=8,/missing=2'. Without it: the path of the URL."),
    click.option(
        "--targets",
        type=click.Path(dir_okay=False, path_type=Path),
        help="A file of targets with methods, weights, headers, bodies and templates: YAML, CSV, or vegeta's form.",
    ),
    click.option("--duration", type=LENGTH, help="Endless without."),
    click.option(
        "--seed", type=click.IntRange(0), help="Makes all random draws repeatable. Random without; always reported."
    ),
)

output_options = option_group(
    click.option(
        "--fail-if",
        multiple=True,
        callback=checked(_thresholds),
        help="A limit, such as 'error_ratio>0.01' or 'latency_p99>200ms'; may be given again. Exit codes below.",
    ),
    click.option(
        "--report", type=click.Choice(["text", "json", "html"]), default="text", help="The form of the closing report."
    ),
    click.option(
        "--output",
        type=click.Path(dir_okay=False, path_type=Path),
        callback=checked(writable),
        help="Write the report there, not to stdout.",
    ),
    click.option(
        "--metrics-address",
        default="127.0.0.1:8089",
        show_default=True,
        type=AddressType(words=("off",)),
        callback=_metrics_at,
        help="Where /metrics is served, or off. Without this flag a free port is taken where the default is not free.",
    ),
    web_options,
    click.option(
        "--linger",
        default="30s",
        show_default=True,
        type=_WAIT,
        help="If the metrics are being scraped: stay up for two more scrapes, at most so long.",
    ),
)

_PEM = click.Path(exists=True, dir_okay=False, path_type=Path)

target_options = option_group(
    click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes."),
    click.option(
        "--connections",
        type=click.IntRange(1, 60_000),
        show_default=str(Limits().connections),
        help="At most so many. Without this flag fewer, where the system allows fewer open files.",
    ),
    click.option(
        "--timeout",
        default="10s",
        show_default=True,
        type=LENGTH,
        help="From the send to the end of the answer.",
    ),
    click.option("--connect-timeout", default="5s", show_default=True, type=LENGTH),
    click.option(
        "--max-in-flight",
        type=click.IntRange(1),
        default=4096,
        show_default=True,
        help="Requests sent or waiting for a connection; more are dropped.",
    ),
    click.option(
        "--on-behind",
        type=click.Choice(["catchup", "drop"]),
        default="catchup",
        show_default=True,
        help="When the generator is late: send up to 1 s late at up to twice the rate, or drop.",
    ),
    click.option("--keepalive/--no-keepalive", default=True, help="Reuse connections, or make one for each request."),
    click.option("--method", default="GET", show_default=True),
    click.option(
        "--header",
        "headers",
        multiple=True,
        help="'Name: value', secrets as '${env:NAME}', '${file:PATH}'; or @FILE with a header a line. Repeatable.",
    ),
    click.option(
        "--body", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A file sent with each request."
    ),
    click.option("--unix-socket", help="Connect to this socket; the URL still gives host and path."),
    click.option("--insecure", is_flag=True, help="Accept any certificate."),
    click.option("--cacert", type=_PEM, help="Authorities to trust, instead of the system's."),
    click.option("--cert", type=_PEM, help="The certificate of this client."),
    click.option("--key", type=_PEM, help="The key of --cert, where that file does not hold it."),
    click.option("--sni", help="The name that the server is asked for and must prove, instead of the URL's host."),
    click.option(
        "--connect-to",
        type=AddressType(free=False),
        help="Connect to this HOST:PORT; the URL still gives the Host header and the name of the certificate.",
    ),
    click.option("--resolve", help="HOST:PORT:ADDRESS[,ADDRESS]: the addresses of the URL's host, as with curl."),
    click.option("--allow-public", is_flag=True, help="Allow a target with a public address: make sure it is yours."),
    click.option("--wait", default="0s", type=_WAIT, help="Wait so long for a target that does not listen yet."),
)
