"""An error stream of several builds, with regressions at known times, and the truth beside it.

Counts of each second, build and code are Poisson; codes differ in how common they are, as real ones do. A regression
multiplies the rate of one code in the newest build from some time on. `truth.json` says what was sent and what was
worse, since when: it is written from the draws themselves, before anything is counted by anybody else.
"""

import asyncio
import json
import os
import re
import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import SplitResult, urlsplit

import aiohttp
import click
import numpy as np

from foundation.errors import ConfigError, TidewatchError
from foundation.exits import help_end
from foundation.flags import DurationType, InputFile
from foundation.output import replacing
from foundation.secret import read_secret, shown_url
from foundation.signals import SignalStop, Stop
from foundation.terminal import echo, printable
from trafficgen.fetch import new_session, read_bytes
from trafficgen.units import MAX_DURATION_S, parse_duration

FIRST_CODE = -3
RETRY_S = 1.0
ANSWER_WITHIN_S = 10.0
MAX_ANSWER_BYTES = 64 << 10  # the receiver's answer to a second's records
MAX_LAST_WORDS_BYTES = 4096
SCHEMES = ("http", "https", "tcp")
_REGRESSION = re.compile(r"code=(-?\d{1,9})\s+x([0-9.]+)\s+at\s+(\S+)(?:\s+for\s+(\S+?)(?:\s+every\s+(\S+))?)?\Z")


class Regression(NamedTuple):
    """`code` is `factor` times as frequent in the newest build from `start_s` to `stop_s` of the stream.

    every_s: the time after which that begins again; None: once.
    """

    code: int
    factor: float
    start_s: float
    stop_s: float
    every_s: float | None = None

    def factor_at(self, second: int) -> float:
        """The factor on the code's rate in this second."""
        since = second - self.start_s
        if self.every_s is not None and since >= 0:
            since %= self.every_s
        return self.factor if 0 <= since < self.stop_s - self.start_s else 1.0


def parse_regression(text: str) -> Regression:
    """`code=3 x2 at 30m`, also with `for 10m` and `every 1h` after it. Raises ConfigError."""
    match = _REGRESSION.match(text.strip())
    if match is None or match[2].count(".") > 1 or match[2] == ".":
        raise ConfigError(f"--regression {text!r}: write 'code=3 x2 at 30m [for 10m [every 1h]]'")
    factor = float(match[2])
    start = parse_duration(match[3])
    stop = start + parse_duration(match[4]) if match[4] else float("inf")
    if not 0 <= factor <= 1000:
        raise ConfigError(f"--regression {text!r}: expected a factor between 0 and 1000")
    every = parse_duration(match[5]) if match[5] else None
    if every is not None and every < stop - start:
        raise ConfigError(f"--regression {text!r}: it would begin again before it ended")
    return Regression(int(match[1]), factor, start, stop, every)


class Shape(NamedTuple):
    """What the stream is made of. weights: share of each code, (codes,), sums to 1."""

    builds: list[str]
    codes: list[int]
    weights: "np.ndarray[Any, np.dtype[np.float64]]"
    rate_per_s: float
    regressions: list[Regression]

    def rates(self, second: int) -> "np.ndarray[Any, np.dtype[np.float64]]":
        """Expected records in this second. (builds, codes)."""
        rates = np.tile(self.weights * self.rate_per_s / len(self.builds), (len(self.builds), 1))
        for regression in self.regressions:
            rates[-1, self.codes.index(regression.code)] *= regression.factor_at(second)
        return rates


def make_shape(builds: int, codes: int, rate_per_s: float, regressions: list[Regression]) -> Shape:
    """A shape with `codes` codes from -3 upwards, the n-th most common as frequent as 1/n. Raises ConfigError."""
    names = [f"5.0007.{510 + 100 * n}.011" for n in range(builds)]
    numbers = list(range(FIRST_CODE, FIRST_CODE + codes))
    for regression in regressions:
        if regression.code not in numbers:
            raise ConfigError(
                f"--regression: code {regression.code} is not sent; --codes {codes} sends {numbers[0]} to {numbers[-1]}"
            )
    order = sorted(numbers, key=abs)
    weights = np.array([1.0 / (1 + order.index(number)) for number in numbers])
    return Shape(names, numbers, weights / weights.sum(), rate_per_s, regressions)


class Truth:
    """What was sent, kept in a file that is replaced whole."""

    def __init__(self, path: Path | None, shape: Shape, seed: int, start: str | int, *, own_name: bool = False) -> None:
        """`path`: None for none.

        `start`: of the stream, as the records have it. `own_name`: see `foundation.output.replacing`.
        """
        self._path = path
        self._own_name = own_name
        self._head = {
            "seed": seed,
            "start": start,
            "baseline": shape.builds[0],
            "candidate": shape.builds[-1],
            "regressions": [
                {**r._asdict(), "stop_s": None if r.stop_s == float("inf") else r.stop_s} for r in shape.regressions
            ],
        }
        self.counts: Counter[tuple[str, int]] = Counter()

    def write(self, *, finished: bool = False) -> None:
        """Replace the file. Raises StoreError."""
        if self._path is None:
            return
        counts: dict[str, dict[str, int]] = {}
        for (build, code), count in sorted(self.counts.items()):
            counts.setdefault(build, {})[str(code)] = count
        tree = {**self._head, "sent": self.counts.total(), "counts": counts, "finished": finished}
        with replacing(self._path, own_name=self._own_name) as out:
            out.write(json.dumps(tree, indent=1).encode() + b"\n")


def seconds(shape: Shape, seed: int) -> Iterator[list[tuple[str, int, int]]]:
    """For each second of the stream its (build, code, count), for ever; the same for the same seed."""
    random = np.random.default_rng(seed)
    second = 0
    while True:
        drawn = random.poisson(shape.rates(second))
        yield [
            (build, code, int(drawn[i, j]))
            for i, build in enumerate(shape.builds)
            for j, code in enumerate(shape.codes)
            if drawn[i, j]
        ]
        second += 1


class HttpSink:
    """Posts each second under an idempotency key until it is acknowledged, so that nothing is lost or sent twice."""

    def __init__(self, url: str, run: str, stop: Stop, token: str | None, wait_s: float = 0.0) -> None:
        """`wait_s`: a receiver that does not answer for so long at first is not worth a complaint."""
        self._patient_until_s = time.monotonic() + wait_s
        self._url = url
        self._run = run
        self._stop = stop
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._runner = asyncio.Runner()
        self._session = self._runner.run(_open_session())
        self._complained = False

    def send(self, number: int, lines: bytes) -> bool:
        """Send the records of one second; False if the run was stopped before they were acknowledged."""
        while True:
            try:
                code, text = self._runner.run(self._post(lines, f"{self._run}-{number}"))
            except TimeoutError:
                trouble = f"no whole answer within {ANSWER_WITHIN_S:g} s"
            except (aiohttp.ClientError, OSError, ValueError) as exc:  # ValueError: of some broken answers
                trouble = " ".join(str(exc).split())
            else:
                if code == 200:
                    self._complained = False
                    return True
                trouble = f"answered {code}: {text}"
                if code in (400, 401, 404, 413):
                    raise TidewatchError(shown_url(f"{self._url}: {trouble}"))
            if not self._complained and time.monotonic() >= self._patient_until_s:
                echo(f"trafficgen: {printable(shown_url(f'{self._url}: {trouble}'))}; trying again", err=True)
                self._complained = True
            if self._stop.wait(RETRY_S):
                return False

    async def _post(self, lines: bytes, key: str) -> tuple[int, str]:
        headers = {**self._headers, "Idempotency-Key": key}
        async with self._session.post(self._url, data=lines, headers=headers, allow_redirects=False) as answer:
            body = await read_bytes(answer, max_bytes=MAX_ANSWER_BYTES)
            return answer.status, body.decode("utf-8", "replace").strip()[:200]

    def finish(self) -> None:
        """Each second has been acknowledged already."""

    def close(self) -> None:
        """Let the connection go."""
        self._runner.run(self._session.close())
        self._runner.close()


async def _open_session() -> aiohttp.ClientSession:
    return new_session(ANSWER_WITHIN_S)


class TcpSink:
    """Sends lines over one connection, which is acknowledged as a whole when it ends."""

    def __init__(self, host: str, port: int, token: str | None) -> None:
        """Connects. `token`: shown first, if there is one. Raises TidewatchError where nobody answers."""
        self._lines = 0
        try:
            with ExitStack() as stack:
                self._socket = stack.enter_context(socket.create_connection((host, port), timeout=10))
                if token:
                    self._socket.sendall(f"AUTH {token}\n".encode())
                stack.pop_all()
        except OSError as exc:
            raise TidewatchError(f"tcp://{host}:{port}: {exc.strerror or exc}") from exc

    def send(self, number: int, lines: bytes) -> bool:  # noqa: ARG002, the same call as HttpSink's
        """Send the records of one second."""
        try:
            self._socket.sendall(lines)
        except OSError as exc:
            raise TidewatchError(
                f"the receiver closed the connection: {exc.strerror or exc}; {self._answer()}"
            ) from exc
        self._lines += lines.count(b"\n")
        return True

    def finish(self) -> None:
        """End the sending side, and see that every line is acknowledged."""
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError as exc:
            raise TidewatchError(
                f"the receiver closed the connection: {exc.strerror or exc}; {self._answer()}"
            ) from exc
        answer = self._answer()
        try:
            dealt = sum(json.loads(answer).values())
        except (ValueError, AttributeError, TypeError):
            dealt = -1
        if dealt != self._lines:
            raise TidewatchError(f"{self._lines} lines were sent; {answer}")
        echo(f"acknowledged: {printable(answer)}", err=True)

    def _answer(self) -> str:
        """The receiver's last words."""
        answer, deadline_s = b"", time.monotonic() + ANSWER_WITHIN_S
        try:
            while len(answer) < MAX_LAST_WORDS_BYTES and time.monotonic() < deadline_s:
                piece = self._socket.recv(4096)
                if not piece:
                    break
                answer += piece
        except OSError:
            pass  # reset: what came before is all there is
        return answer.decode("utf-8", "replace").strip() or "it acknowledged nothing"

    def close(self) -> None:
        """Let the connection go."""
        self._socket.close()


def write_file(path: Path, shape: Shape, truth: Truth, seed: int, length_s: int) -> None:
    """The whole stream at once, with clock times from 0:00:00 and the header of the task's data. Raises StoreError."""
    with replacing(path) as out:
        out.write(b"Timestamp\tBuild_Version\tError_Code\n")
        for second, drawn in zip(range(length_s), seconds(shape, seed), strict=False):
            clock = f"{second // 3600}:{second // 60 % 60:02}:{second % 60:02}"
            for build, code, count in drawn:
                out.write(f"{clock}\t{build}\t{code}\n".encode() * count)
                truth.counts[build, code] += count
    truth.write(finished=True)


def run_live(sink: HttpSink | TcpSink, shape: Shape, truth: Truth, *, seed: int, length_s: float, stop: Stop) -> None:
    """One second's records every second, stamped with Unix time, until the length is reached or the run is stopped."""
    start, start_wall = time.monotonic(), int(time.time())
    for second, drawn in enumerate(seconds(shape, seed)):
        if second >= length_s or stop.wait(max(0.0, start + second - time.monotonic())):
            break
        lines = b"".join(f"{start_wall + second}\t{build}\t{code}\n".encode() * count for build, code, count in drawn)
        if lines and not sink.send(second, lines):
            break
        for build, code, count in drawn:
            truth.counts[build, code] += count
        truth.write()
    sink.finish()
    truth.write(finished=True)


def _split(target: str) -> SplitResult:
    """The parts of `--to`; a file's name has no scheme that is known. Raises ConfigError."""
    try:
        parts = urlsplit(target)
        good = parts.scheme not in SCHEMES or (parts.hostname and (parts.port or parts.scheme != "tcp"))
    except ValueError:  # a port or an IPv6 address that is none
        good = False
    if not good:
        raise ConfigError(
            f"--to {shown_url(target)!r}: no host and port; write http://127.0.0.1:8095/ingest or tcp://127.0.0.1:8096"
        )
    if parts.scheme in SCHEMES and parts.username is not None:
        raise ConfigError("--to: credentials don't belong in a URL; give --token-file")
    return parts


_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command(
    epilog=help_end("trafficgen feed releases --to errors.tsv --duration 1h --regression 'code=3 x2 at 30m'")
)
@click.option("--to", "target", required=True, help="http://HOST:PORT/ingest, tcp://HOST:PORT, or a file.")
@click.option("--rate", default=40.0, show_default=True, help="Records per second, of all builds together.")
@click.option(
    "--codes", type=click.IntRange(1, 10_000), default=33, show_default=True, help="Number of different error codes."
)
@click.option("--builds", type=click.IntRange(2, 100), default=2, show_default=True, help="Different builds.")
@click.option(
    "--regression", "regressions", multiple=True, help="'code=3 x2 at 30m [for 10m [every 1h]]'; may be repeated."
)
@click.option(
    "--duration",
    type=DurationType(most_s=MAX_DURATION_S),
    help="Length of the stream. [default: 1h for a file, else endless]",
)
@click.option("--truth", "truth_path", type=_FILE, help="File for the truth. [default: truth.json beside a file]")
@click.option("--token-file", type=InputFile(), help="The token that the receiver asks for.")
@click.option(
    "--wait",
    "wait_s",
    default="0",
    show_default=True,
    type=DurationType(zero=True, most_s=MAX_DURATION_S),
    help="Over HTTP: do not report a receiver that does not answer yet.",
)
@click.option("--seed", type=click.IntRange(0), help="The same seed gives the same stream.")
def command(
    *,
    target: str,
    rate: float,
    codes: int,
    builds: int,
    regressions: tuple[str, ...],
    duration: float | None,
    truth_path: Path | None,
    token_file: Path | None,
    wait_s: float,
    seed: int | None,
) -> None:
    """Send an error stream of several builds, one of which may become worse."""
    if not 0 < rate <= 1e6:
        raise ConfigError(f"--rate {rate}: above 0 and at most 1000000 records per second")
    seed = int.from_bytes(os.urandom(4), "big") if seed is None else seed
    shape = make_shape(builds, codes, rate, [parse_regression(text) for text in regressions])
    token = read_secret(token_file, pipes=True) if token_file else None
    address = _split(target)
    if address.scheme not in SCHEMES:
        path = Path(target)
        beside = path.with_name("truth.json")
        truth = Truth(truth_path or beside, shape, seed, "0:00:00", own_name=truth_path is None)
        write_file(path, shape, truth, seed, round(duration or 3600))
        echo(f"{truth.counts.total()} records, seed {seed}", err=True)
        return
    stop = SignalStop()
    truth = Truth(truth_path, shape, seed, int(time.time()))
    sink: HttpSink | TcpSink
    if address.scheme == "tcp":
        sink = TcpSink(address.hostname or "", address.port or 0, token)
    else:
        sink = HttpSink(target, f"{seed}-{int(time.time())}", stop, token, wait_s)
    try:
        run_live(sink, shape, truth, seed=seed, length_s=duration or float("inf"), stop=stop)
    finally:
        sink.close()
    echo(f"{truth.counts.total()} records, seed {seed}", err=True)
