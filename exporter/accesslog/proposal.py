"""Proposes the configuration of a log: its format, routes and codes, and what is missing."""

import re
from collections import Counter
from pathlib import Path

import msgspec
import yaml

from exporter.accesslog.formats import Unitless
from exporter.accesslog.formats.envelope import OPENERS, chain
from exporter.accesslog.formats.keyed.other_numbers import READERS, other_numbers
from exporter.accesslog.formats.presets import TIMED
from exporter.accesslog.infer import Guess, is_timed, opened
from exporter.accesslog.labels import is_success
from exporter.accesslog.parse.opening import split
from exporter.accesslog.parse.reader import Reader
from exporter.accesslog.routes import Router, compile_template
from exporter.accesslog.source import TimeUnit
from exporter.accesslog.tally import COUNT, Buckets, Tally
from exporter.sources.lines import each_line
from foundation.terminal import printable

_PROPOSED_ROUTES = 12
_EXAMPLES = 3
_MOST_LEFT_OUT = 6

_POD_LOG = re.compile(r"/(?P<space>[^/_]+)_(?P<pod>[^/_]+)_[^/_]+/(?P<container>[^/]+)/[0-9]+\.log[^/]*\Z")
_CONTAINER_LOG = re.compile(r"(?:^|/)(?P<pod>[^/_]+)_(?P<space>[^/_]+)_(?P<container>[^/]+)-[0-9a-f]{64}\.log\Z")
_DOCKER_LOG = re.compile(r"(?:^|/)([0-9a-f]{12})[0-9a-f]{52}-json\.log[^/]*\Z")
_POD_SUFFIX = re.compile(r"(?:-[a-z0-9]{6,10})?-[a-z0-9]{5}\Z|-[0-9]+\Z")
"""Endings of the names of pods of a Deployment, a DaemonSet and a StatefulSet."""
_NAME_CHARS = 64


def unitless(data: bytes, reader: Reader, path: str = "") -> Unitless | None:
    """Where lines have a number that is not a duration because its unit is unknown; `text`: a few of them, to show."""
    found = [number for line in each_line(data) if (number := reader.find_unitless(line, path))]
    texts = list(dict.fromkeys(number.text for number in found))[:_EXAMPLES]
    return Unitless(found[0].where, b", ".join(texts)) if found else None


def propose(log: str, data: bytes, guess: Guess, *, time_unit: TimeUnit | None = None) -> str:
    """The configuration of the log, in YAML, with the codes and routes that the sample has.

    Without `state_dir`: the default is the same wherever the exporter is started.
    """
    reader = Reader(guess.parsed(time_unit), Buckets((1.0,)), envelope=guess.envelope or "none")
    tally = reader.read(data)
    tally.merge(reader.finish())
    router = Router([])
    routes: Counter[str] = Counter()
    for (_, target, code), numbers in tally.hits.items():
        if is_success(code):  # paths that strangers request without success are not routes
            routes[router.route(target)] += numbers[COUNT]
    block: dict[str, object] = {
        "source": _source_name(log),
        "paths": ["/path/to/access.log" if (once := _is_read_once(log)) else str(Path(log).absolute())],
        "format": guess.format,
    }
    if guess.fields:
        block["fields"] = {name: path for name, path in msgspec.structs.asdict(guess.fields).items() if path}
    if time_unit:
        block["time_unit"] = time_unit
    if guess.envelope:
        block["envelope"] = guess.envelope
    block["routes"] = [route for route, _ in routes.most_common(_PROPOSED_ROUTES) if _is_template(route)]
    block["codes"] = sorted({int(code) for _, _, code in tally.hits} | {500})
    text = yaml.safe_dump(
        {"accesslog": [block]},
        sort_keys=False,
        default_flow_style=None,
        width=110,
        allow_unicode=True,
    )
    share = tally.requests / max(1, tally.requests + sum(tally.failed.values()))
    fits = f"{share:.0%} of the first {tally.lines} lines fit this format" if data else "The log is empty"
    guess = guess._replace(seconds="") if time_unit else guess
    notes = _notes(log, data, guess, reader, tally)
    if once:
        notes += "# The lines came from a pipe; `paths` must name the file that is to be followed.\n"
    return f"# {fits}.\n{notes}{text}"


def _notes(log: str, data: bytes, guess: Guess, reader: Reader, tally: Tally) -> str:
    """Comments on what is guessed and what is missing."""
    wanted, timed = unitless(data, reader), is_timed(tally)
    notes = _pods(log) + _not_there(data, guess) + _unit_wanted(wanted, guess)
    notes += _names_wanted(guess) + _sizes_wanted(guess)
    if guess.fields:
        notes += "# The names in `fields` are found by what they say, and by all values.\n"
    if timed:
        notes += _seconds_taken(guess)
    elif not wanted:
        notes += _field_wanted(data, guess)
    return notes


def _not_there(data: bytes, guess: Guess) -> str:
    outermost = chain(guess.envelope or "none")[:1]
    if not data or all(any(map(OPENERS[one], split(data))) for one in outermost):
        return ""
    return f"# None of the first lines is in the envelope {guess.envelope}.\n"


def _unit_wanted(number: Unitless | None, guess: Guess) -> str:
    if number is None:
        return ""
    known = " (Apache: %D is us, %{ms}T is ms, %T is s)" if guess.format in TIMED else ""
    return (
        f"# Not used: {printable(number.where)} ({number.text.decode()}).\n"
        f"# It may be how long each request took, but its unit is not known{known}.\n"
        "# Add `time_unit: us` (or s, ms, ns) to get durations.\n"
    )


def _seconds_taken(guess: Guess) -> str:
    if not guess.seconds:
        return ""
    return (
        f"# Assumed to be seconds: {printable(guess.seconds)}.\n# If that is wrong, add `time_unit: ms` (or us, ns).\n"
    )


def _names_wanted(guess: Guess) -> str:
    if not guess.left_out:
        return ""
    return (
        f"# Not used: {printable(', '.join(guess.left_out))}: numbers that may be how long each request took. Write\n"
        "# $duration_ms (or _s, _us, _ns) in the format where that is so, to get durations.\n"
    )


def _sizes_wanted(guess: Guess) -> str:
    if guess.no_sizes is None:
        return ""
    others = f" (others: {printable(', '.join(guess.no_sizes[:_MOST_LEFT_OUT]))})" if guess.no_sizes else ""
    return (
        f"# Bytes are not counted: no number is right behind the status{others}.\n"
        "# Write $body_bytes_sent in the format where they are, to get them.\n"
    )


def _field_wanted(data: bytes, guess: Guess) -> str:
    """What may be the duration in lines with names, where it is not found under a usual one."""
    if guess.format not in READERS:
        return ""
    inside = opened(data, guess.envelope) if guess.envelope else data
    found = other_numbers(guess.format, split(inside))
    shown = [f"{path} ({', '.join(texts[:_EXAMPLES])})" for path, texts in found.items()]
    if not shown:
        return ""
    return (
        f"# Not used: {printable(', '.join(shown[:_MOST_LEFT_OUT]))}: numbers that may be how long each request took.\n"
        "# Where that is so, add `fields: {duration: ITS_NAME}` and `time_unit: ms` (or s, us, ns) to get durations.\n"
    )


def _is_read_once(log: str) -> bool:
    return log == "-" or (Path(log).exists() and not Path(log).is_file())


def _is_template(route: str) -> bool:
    try:
        compile_template(route)
    except ValueError:  # `other`, and paths with literal braces
        return False
    return True


def _source_name(log: str) -> str:
    if found := _POD_LOG.search(log) or _CONTAINER_LOG.search(log):
        name = "-".join(dict.fromkeys((found["space"], _POD_SUFFIX.sub("", found["pod"]), found["container"])))
    elif found := _DOCKER_LOG.search(log):
        name = f"docker-{found[1]}"
    else:
        name = Path(log).name.partition(".")[0]
    return re.sub(r"[^A-Za-z0-9_.-]", "-", name)[:_NAME_CHARS] or "site"


def _pods(log: str) -> str:
    """The comment on the log of a pod, whose path disappears with the pod."""
    found = _POD_LOG.search(log)
    workload = found and _POD_SUFFIX.sub("-*", found["pod"])
    if not found or "*" not in str(workload):
        return ""
    every = f"{log[: found.start()]}/{found['space']}_{workload}_*/{found['container']}/*.log"
    return f"# This path ends with its pod; `paths: [{every}]` follows the pods to come too.\n"
