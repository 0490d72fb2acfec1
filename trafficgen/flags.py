"""The flags that several commands share, and how their texts are read."""

import contextlib
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from foundation.errors import ConfigError, StoreError
from foundation.flags import AddressType, DurationType, InputFile, option_group, web_options
from trafficgen.units import CONNECTIONS, MAX_DURATION_S, MAX_GRAIN_S, STREAMS, MetricsAt, parse_duration

if TYPE_CHECKING:
    from trafficgen.plan.part import Part
    from trafficgen.report.compare import Allowance
    from trafficgen.report.thresholds import Threshold


def checked(check: Callable[[Any], Any]) -> Callable[[click.Context, click.Parameter, Any], Any]:
    """A click callback from a function that raises TidewatchError."""

    def callback(_context: click.Context, _parameter: click.Parameter, value: Any) -> Any:
        """The checked value; None stays None."""
        return None if value is None else check(value)

    return callback


def _metrics_at(context: click.Context, parameter: click.Parameter, value: Any) -> MetricsAt | None:
    asked = context.get_parameter_source(parameter.name or "") is not ParameterSource.DEFAULT
    return None if value == "off" else MetricsAt(value, or_free_port=not asked)


LENGTH = DurationType(most_s=MAX_DURATION_S)
_WAIT = DurationType(most_s=MAX_DURATION_S, zero=True)


def _part(text: str) -> "Part":
    from trafficgen.plan.part import parse_part

    return parse_part(text, os.environ)


def _start(text: str) -> float:
    from trafficgen.start import parse_start

    return parse_start(text, time.time())


def _results(path: Path) -> Path:
    from trafficgen.report.results import place_for_results

    return place_for_results(path)


def _thresholds(texts: tuple[str, ...]) -> "list[Threshold]":
    if not texts:
        return []
    from trafficgen.report.thresholds import parse_threshold

    return [parse_threshold(text) for text in texts]


def allowances(texts: tuple[str, ...]) -> "dict[str, Allowance]":
    """How much worse each figure may be. Raises ConfigError."""
    from trafficgen.report.compare import Allowance

    found: dict[str, Allowance] = {}
    for text in texts:
        name, _, value = text.strip().partition("=")
        kind, number = _allowed(name, value, text)
        known = found.get(name, Allowance())
        if getattr(known, kind):
            raise ConfigError(
                f"--allow: {text!r}: {name} has {'a percentage' if kind == 'share' else 'an amount'} already"
            )
        found[name] = known._replace(**{kind: number})
    return found


def _allowed(figure: str, value: str, text: str) -> tuple[str, float]:
    """Which field of an allowance the value is for, and what it is there. Raises ConfigError."""
    from trafficgen.report.compare import FIGURES as COMPARED
    from trafficgen.report.compare import RATIOS

    own_unit = "/s" if figure == "throughput" else "pp" if figure in RATIOS else ""
    match = re.fullmatch(r"(\d{1,6}(?:\.\d{1,6})?)(%|pp|/s)", value)
    if figure in COMPARED and match:
        if match[2] == "%":
            return "share", float(match[1]) / 100
        if match[2] == own_unit:
            return "amount", float(match[1]) / (100 if own_unit == "pp" else 1)
    elif figure in COMPARED and not own_unit and value[-1:].isalpha():
        with contextlib.suppress(ConfigError):
            return "amount", parse_duration(value)
    raise ConfigError(
        f"--allow: {text!r}: expected FIGURE=PERCENT, for example p99=10%, or an amount: p99=5ms, error_ratio=0.1pp, "
        f"throughput=10/s; of {', '.join(COMPARED)}"
    )


def writable(path: Path) -> Path:
    """A place for a file, checked before hours of traffic end in front of a missing folder. Raises StoreError."""
    if not path.parent.is_dir():
        raise StoreError(f"--output: {path}: there is no folder {path.parent}")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise StoreError(f"--output: {path}: not writable")
    return path


plan_options = option_group(
    click.option("--rps", type=float, help="Requests per second, on average."),
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
        "steps:rates=100/200,every=30s; like:access.log[,step=1m,over=10m]; "
        "'like:http://HOST:9090/?query=...&start=...&end=...' of Prometheus; a CSV file of seconds,rate; and, on "
        "top of them too, burst:on=5s,off=25s,factor=4[,additive] and intermittent:on=30s,off=60s (both drawn).",
    ),
    click.option(
        "--arrival", type=click.Choice(["even", "poisson"]), default="even", help="Even gaps, or a Poisson process."
    ),
    click.option("--mix", help="Weighted paths, such as '/=90,/fail=8,/missing=2'. Without it: the path of the URL."),
    click.option(
        "--targets",
        type=InputFile(),
        help="A file of targets with methods, weights, headers, bodies and templates: YAML, CSV, or vegeta's form.",
    ),
    click.option("--duration", type=LENGTH, help="Endless without."),
    click.option(
        "--seed", type=click.IntRange(0), help="Makes all random draws repeatable; always reported.  [default: random]"
    ),
)

part_option = click.option(
    "--part",
    metavar="K/N",
    callback=checked(_part),
    help="Send every N-th request of the plan, from the K-th on: for N machines with the same flags and --seed. "
    "index/N takes K from the index of a pod in a Kubernetes Job.",
)
start_option = click.option(
    "--start-at",
    metavar="TIME",
    callback=checked(_start),
    help="Begin at this time, by this machine's clock: 12:00:00Z (the next one), or an instant with its zone.",
)

output_option = click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    callback=checked(writable),
    help="Write the report to this file, not to stdout.",
)

report_options = option_group(
    click.option(
        "--fail-if",
        multiple=True,
        callback=checked(_thresholds),
        help="A limit, such as 'error_ratio>0.01' or 'latency_p99>200ms'; may be repeated. Exit codes below.",
    ),
    click.option(
        "--format",
        "--report",
        "report",
        type=click.Choice(["text", "json", "html"]),
        default="text",
        show_default=True,
        help="Format of the closing report.",
    ),
    output_option,
)

output_options = option_group(
    report_options,
    click.option(
        "--results",
        type=click.Path(dir_okay=False, path_type=Path),
        callback=checked(_results),
        help="Write one row per request to this file: .csv, .csv.gz or .parquet. The file must not exist.",
    ),
    click.option(
        "--metrics-address",
        default="127.0.0.1:8089",
        show_default=True,
        type=AddressType(words=("off",)),
        callback=_metrics_at,
        help="Where /metrics is served, or off. Without this flag a free port is used where the default is taken.",
    ),
    web_options,
    click.option(
        "--linger",
        default="30s",
        show_default=True,
        type=_WAIT,
        help="If the metrics are being scraped: stay up for two more scrapes, at most this long.",
    ),
    click.option("--quiet", is_flag=True, help="No live view on the terminal; errors and warnings are still shown."),
)

_PEM = InputFile()

target_options = option_group(
    click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes."),
    click.option(
        "--connections",
        type=click.IntRange(1, 60_000),
        show_default=str(CONNECTIONS),
        help="Maximum number of connections. Without this flag fewer, where the system allows fewer open files.",
    ),
    click.option("--http2", is_flag=True, help="HTTP/2 over TLS; a server without it is an error, never HTTP/1.1."),
    click.option("--h2c", is_flag=True, help="HTTP/2 without TLS, with prior knowledge."),
    click.option(
        "--streams",
        type=click.IntRange(1, 10_000),
        show_default=str(STREAMS),
        help="Over HTTP/2: maximum of concurrent requests on one connection; the server may allow fewer.",
    ),
    click.option(
        "--timeout",
        default="10s",
        show_default=True,
        type=LENGTH,
        help="Time limit from the send to the end of the answer.",
    ),
    click.option(
        "--connect-timeout",
        default="5s",
        show_default=True,
        type=LENGTH,
        help="Time limit for a connection to be made.",
    ),
    click.option(
        "--max-in-flight",
        type=click.IntRange(1),
        default=4096,
        show_default=True,
        help="Maximum number of requests sent or waiting for a connection; more are dropped.",
    ),
    click.option(
        "--on-behind",
        type=click.Choice(["catchup", "drop"]),
        default="catchup",
        show_default=True,
        help="When the generator is late: send up to 1 s late at up to twice the rate, or drop.",
    ),
    click.option(
        "--grain",
        type=DurationType(most_s=MAX_GRAIN_S, zero=True),
        show_default="0.25ms; from 2,000/s on the time in which 5 are due, at most 1ms",
        help="Minimum time between two wake-ups; what is due in between is sent at the next, not early. At most 10ms.",
    ),
    click.option("--keepalive/--no-keepalive", default=True, help="Reuse connections, or make one for each request."),
    click.option("--method", default="GET", show_default=True, help="Method of the requests."),
    click.option(
        "--header",
        "headers",
        multiple=True,
        help="'Name: value', secrets as '${env:NAME}', '${file:PATH}'; or @FILE with one header per line. Repeatable.",
    ),
    click.option("--body", type=InputFile(), help="A file sent with each request."),
    click.option("--unix-socket", help="Connect to this socket; the URL still gives host and path."),
    click.option("--insecure", is_flag=True, help="Accept any certificate."),
    click.option("--cacert", type=_PEM, help="Authorities to trust, instead of the system's."),
    click.option("--cert", type=_PEM, help="The certificate of this client."),
    click.option("--key", type=_PEM, help="The key of --cert, where that file does not hold it."),
    click.option(
        "--sni", help="Server name for SNI and for the check of the certificate, instead of the host of the URL."
    ),
    click.option(
        "--connect-to",
        type=AddressType(free=False),
        help="Connect to this HOST:PORT; the URL still gives the Host header and the name of the certificate.",
    ),
    click.option("--resolve", help="HOST:PORT:ADDRESS[,ADDRESS]: the addresses of the URL's host, as with curl."),
    click.option("--allow-public", is_flag=True, help="Allow a target with a public address: make sure it is yours."),
    click.option("--wait", default="0s", type=_WAIT, help="Wait this long for a target that does not listen yet."),
)
