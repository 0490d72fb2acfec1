"""Flags to configuration. Everything that can be wrong with them is reported here, before anything is sent."""

import ipaddress
import os
import re
import secrets
from dataclasses import replace
from pathlib import Path
from typing import Any

from foundation.errors import ConfigError, InputError
from foundation.secret import shown_url
from trafficgen.config import HttpProtocol, Limits, LoadConfig, Reach
from trafficgen.descriptors import allowed_connections
from trafficgen.plan.logread import read_log
from trafficgen.plan.mix import parse_mix
from trafficgen.plan.part import WHOLE, Part
from trafficgen.plan.patterns import parse_patterns
from trafficgen.plan.plan import CurvePlan, Phase
from trafficgen.plan.replay import ReplayPlan, make_replay
from trafficgen.scenario.scenario import Scenario, read_scenario
from trafficgen.send.request import parse_url
from trafficgen.targets.headers import read_headers
from trafficgen.targets.read import read_targets
from trafficgen.targets.target_set import TargetSet

MAX_SPEED = 1e6  # of a replay
PREVIEW_S = 60.0  # of a plan without end


def load_config(options: dict[str, Any]) -> LoadConfig:
    """The run that the flags describe. Raises ConfigError."""
    mix, targets = options["mix"], chosen_targets(options)
    return LoadConfig(
        url=chosen_url(options["url"], targets),
        phases=(phase(options),),
        mix=None if mix is None else parse_mix(mix),
        targets=targets,
        arrival=options["arrival"],
        seed=options["seed"],
        part=chosen_part(options),
        start_at=options["start_at"],
        **target_settings(options),
    )


def chosen_part(options: dict[str, Any]) -> Part:
    """The part of `--part`. Raises ConfigError without a seed, as each part would send a different plan."""
    part: Part = options["part"] or WHOLE
    if part.of > 1 and options["seed"] is None:
        raise ConfigError(f"--part: {part} without --seed; expected the same one for all parts, for example --seed 1")
    return part


def chosen_targets(options: dict[str, Any]) -> TargetSet | None:
    """The set of `--targets`. Raises ConfigError, also for flags that say the same thing."""
    if options["targets"] is None:
        return None
    for name, given in (("--mix", options["mix"]), ("--body", options.get("body"))):
        if given is not None:
            raise ConfigError(f"{name}: with --targets, the file has it: remove one of them")
    if options.get("method", "GET") != "GET":
        raise ConfigError("--method: with --targets, the file has it: remove one of them")
    return read_targets(options["targets"], os.environ)


def chosen_url(url: str | None, targets: TargetSet | None) -> str:
    """`--url`, or where the targets are. Raises ConfigError when neither says it, or they differ."""
    origin = targets.origin if targets else None
    if url is None and origin is None:
        raise ConfigError("--url is missing; write trafficgen --url http://127.0.0.1:8080/ --rps 100, or see --help")
    if url is not None and origin is not None and parse_url(url).origin != parse_url(origin).origin:
        raise ConfigError(f"--url: {shown_url(url)} differs from {origin}, where the file has its targets")
    return url or f"{origin}/"


def scenario_config(scenario: Scenario, options: dict[str, Any]) -> LoadConfig:
    """The run that a scenario describes; flags win over the file. Raises ConfigError."""
    url = options["url"] or scenario.url
    if url is None:
        raise ConfigError(f"{scenario.name}: no url in the scenario; give one with --url")
    return LoadConfig(
        url=url,
        phases=scenario.phases,
        mix=scenario.mix,
        faults=scenario.faults,
        repeat=scenario.repeat,
        arrival=scenario.arrival,
        seed=scenario.seed if options["seed"] is None else options["seed"],
        **target_settings(options),
    )


def replay_config(options: dict[str, Any]) -> tuple[LoadConfig, ReplayPlan, str]:
    """What to replay, where, and in words. Raises ConfigError."""
    speed = options["speed"]
    if not 0 < speed <= MAX_SPEED:
        raise ConfigError(f"--speed: {speed:g}; expected a number above 0 and at most {MAX_SPEED:,.0f}")
    seed = secrets.randbits(32) if options["seed"] is None else options["seed"]
    part = chosen_part(options)
    settings = {"seed": seed, "part": part, "start_at": options["start_at"], **target_settings(options)}
    config = LoadConfig(url=options["url"], phases=(), **settings)
    parse_url(config.url)
    recording = read_log(options["log"])
    plan = make_replay(recording, seed, speed=speed, loop=options["loop"], limit_s=options["duration"])
    return config, replace(plan, part=part), f"{options['log']} x {speed:g}: {recording.describe()}"


def preview_plan(options: dict[str, Any]) -> CurvePlan:
    """The plan that the flags, or a scenario, describe; of one without end, the first minute. Raises ConfigError."""
    seed = options["seed"]
    if options["scenario"]:
        scenario = read_scenario(options["scenario"])
        seed = scenario.seed if seed is None else seed
        mix = scenario.mix or (("/", 1.0),)
        *first, last = scenario.phases
        phases = (*first, last if last.duration_s else replace(last, duration_s=PREVIEW_S))
        arrival, faults = scenario.arrival, scenario.faults
    else:
        targets = chosen_targets(options)
        mix = parse_mix(options["mix"]) if options["mix"] is not None else (("/", 1.0),)
        mix = targets.shares() if targets else mix
        one = phase(options)
        phases = (one if one.duration_s else replace(one, duration_s=PREVIEW_S),)
        arrival, faults = options["arrival"], ()
    return CurvePlan(
        phases=phases,
        mix=mix,
        seed=secrets.randbits(32) if seed is None else seed,
        faults=faults,
        arrival=arrival,
        part=chosen_part(options | {"seed": seed}),
    )


def target_settings(options: dict[str, Any]) -> dict[str, Any]:
    """The part of a LoadConfig that says how to talk to the target."""
    return {
        "limits": Limits(
            connections=allowed_connections(options["connections"], options["workers"]),
            max_in_flight=options["max_in_flight"],
            timeout_s=options["timeout"],
            connect_timeout_s=options["connect_timeout"],
            streams=options["streams"] or Limits().streams,
        ),
        "protocol": chosen_protocol(options),
        "workers": options["workers"],
        "on_behind": options["on_behind"],
        "grain_s": options["grain"],
        "keepalive": options["keepalive"],
        "method": options["method"].upper(),
        "headers": read_headers(options["headers"], os.environ),
        "body": _body(options["body"]),
        "unix_socket": options["unix_socket"],
        "insecure": options["insecure"],
        "reach": reach(options),
        "allow_public": options["allow_public"],
        "wait_s": options["wait"],
    }


def chosen_protocol(options: dict[str, Any]) -> HttpProtocol:
    """What requests are sent over. Raises ConfigError for flags that do not go together."""
    if options["http2"] and options["h2c"]:
        raise ConfigError("--http2 is HTTP/2 over TLS, --h2c without: expected one of them")
    if options["http2"] or options["h2c"]:
        return "h2" if options["http2"] else "h2c"
    if options["streams"] is not None:
        raise ConfigError("--streams: connections have streams over HTTP/2 only: add --http2 or --h2c")
    return "http/1.1"


def reach(options: dict[str, Any]) -> Reach:
    """How the host of the URL is reached. Raises ConfigError for flags that do not go together."""
    if options["key"] and not options["cert"]:
        raise ConfigError("--key: without --cert; give the certificate that it belongs to")
    for name in ("connect_to", "resolve"):
        if options[name] and options["unix_socket"]:
            raise ConfigError(f"--{name.replace('_', '-')}: with --unix-socket; remove one of them")
    if options["connect_to"] and options["resolve"]:
        raise ConfigError("--resolve: with --connect-to, whose host it is not about; remove one of them")
    files = {name: options[name] for name in ("cacert", "cert", "key")}
    return Reach(
        **files, sni=options["sni"], connect_to=options["connect_to"], addresses=_resolved(options["resolve"], options)
    )


def _resolved(text: str | None, options: dict[str, Any]) -> tuple[str, ...]:
    """The addresses of `--resolve HOST:PORT:ADDRESS,...`, which must be about the URL. Raises ConfigError."""
    if text is None:
        return ()
    match = re.fullmatch(r"\[?([^\[\],]+?)\]?:(\d{1,5}):(.+)", text)
    addresses = [one.strip().strip("[]") for one in match[3].split(",")] if match else []
    if not match or not all(_is_address(one) for one in addresses):
        raise ConfigError(f"--resolve: {text}: expected HOST:PORT:ADDRESS, for example site.example:443:127.0.0.1")
    url = parse_url(options["url"]) if options.get("url") else None
    if url and (url.host.lower(), url.port) != (match[1].lower(), int(match[2])):
        raise ConfigError(f"--resolve: {match[1]}:{match[2]}: the URL has {url.host}:{url.port}")
    return tuple(addresses)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return True


def phase(options: dict[str, Any]) -> Phase:
    """The one phase of a run from the command line."""
    pattern = parse_patterns(options["patterns"], options["rps"])
    return Phase(
        pattern=pattern,
        duration_s=options["duration"] or pattern.duration_s,
        jitter=check_jitter(options["jitter"]),
        jitter_interval_s=options["jitter_interval"],
        jitter_mode=options["jitter_mode"],
    )


def check_jitter(jitter: float) -> float:
    """The jitter itself. Raises ConfigError unless it is in [0, 1]."""
    if not 0 <= jitter <= 1:
        raise ConfigError(f"--jitter: {jitter:g}; expected a number from 0 to 1")
    return jitter


def _body(path: Path | None) -> bytes:
    try:
        return path.read_bytes() if path else b""
    except OSError as exc:
        raise InputError(f"--body: {path}: {exc.strerror}") from exc
