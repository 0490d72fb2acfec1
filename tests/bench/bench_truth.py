"""What trafficgen and its peers say of a server whose truth is known: a constant rate, stalls, hangs.

The server is this script in another process. It notes when each request arrives; the truth of its delays is arithmetic.
Peers that are not installed are left out (hey, vegeta, oha are looked for on PATH).
"""

import argparse
import asyncio
import contextlib
import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import ClassVar, NamedTuple, TypeAlias

RATE = 500
CONNECTIONS = 1000  # enough for all that wait in a stall
TIMEOUT_S = 1.0  # of a request that hangs
HANG_EVERY = 20
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Told(NamedTuple):
    """Seconds, as a tool reports them."""

    p90: float
    p99: float


Tool: TypeAlias = Callable[[str, float], Told]
"""Sends `RATE` requests a second to a URL for so many seconds."""


class Server(asyncio.Protocol):
    """Answers at once; in stalls, when the first second of each five is over; in hangs, not every request."""

    arrivals: ClassVar[list[int]] = []
    mode = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A connection."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, _data: bytes) -> None:
        """A request: no tool here pipelines, and all fit into a packet."""
        self.arrivals.append(time.monotonic_ns())
        now_s = time.monotonic() % 5
        if self.mode == "stalls" and now_s < 1:
            asyncio.get_running_loop().call_later(1 - now_s, self._transport.write, ANSWER)
        elif self.mode != "hangs" or len(self.arrivals) % HANG_EVERY:
            self._transport.write(ANSWER)


async def serve(mode: str) -> None:
    """Until stdin ends; then the arrivals as JSON."""
    loop = asyncio.get_running_loop()
    Server.mode = mode
    server = await loop.create_server(Server, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()
    print(json.dumps(Server.arrivals))


@contextlib.contextmanager
def running(mode: str, arrivals: list[int]) -> Iterator[str]:
    """A server of its own; the context is its URL, and `arrivals` are known after it."""
    command = [sys.executable, __file__, "--serve", mode]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(server.stdout.readline())}/"
        finally:
            server.stdin.close()
            arrivals += json.loads(server.stdout.read())


def said(*command: str, given: str = "") -> str:
    """What a tool prints."""
    return subprocess.run(command, input=given, capture_output=True, text=True, check=False).stdout


def trafficgen(url: str, seconds: float) -> Told:
    """From the plan."""
    out = said(
        sys.executable, "-m", "trafficgen.cli", "--url", url, "--rps", str(RATE), "--duration", str(seconds),
        "--connections", str(CONNECTIONS), "--timeout", str(TIMEOUT_S), "--metrics-address", "off", "--report", "json",
    )  # fmt: skip
    times = json.loads(out)["latency_from_plan_s"]
    return Told(times["p90"], times["p99"])


def hey(url: str, seconds: float) -> Told:
    """50 workers of 10 a second each."""
    out = said("hey", "-c", "50", "-q", str(RATE / 50), "-z", f"{seconds:.0f}s", "-t", f"{TIMEOUT_S:.0f}", url)
    found = {int(share): float(value) for share, value in re.findall(r"(\d+)%+ in ([\d.]+) secs", out)}
    return Told(found[90], found[99])


def vegeta(url: str, seconds: float) -> Told:
    """As many workers as it wants."""
    attack = ["vegeta", "attack", f"-rate={RATE}/s", f"-duration={seconds:.0f}s", f"-timeout={TIMEOUT_S:.0f}s"]
    with subprocess.Popen(attack, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as attacking:
        out, _ = attacking.communicate(f"GET {url}\n".encode())
    report = subprocess.run(["vegeta", "report", "-type=json"], input=out, capture_output=True, check=True).stdout
    times = json.loads(report)["latencies"]
    return Told(times["90th"] / 1e9, times["99th"] / 1e9)


def oha(url: str, seconds: float) -> Told:
    """With its correction for coordinated omission."""
    out = said(
        "oha", "-c", str(CONNECTIONS), "-q", str(RATE), "-z", f"{seconds:.0f}s", "-t", f"{TIMEOUT_S:.0f}s",
        "--latency-correction", "--no-tui", "--output-format", "json", url,
    )  # fmt: skip
    times = json.loads(out)["latencyPercentiles"]
    return Told(times["p90"], times["p99"])


TOOLS: dict[str, Tool] = {"trafficgen": trafficgen, "hey": hey, "vegeta": vegeta, "oha": oha}


def off_schedule_s(arrivals: list[int]) -> tuple[float, float]:
    """(p50, p99) of how far requests came from where a constant rate would have had them, in seconds."""
    off = sorted(at / 1e9 - number / RATE for number, at in enumerate(arrivals))
    middle = off[len(off) // 2]
    apart = sorted(abs(value - middle) for value in off)
    return apart[len(apart) // 2], apart[int(len(apart) * 0.99)]


def main() -> None:
    """Print the tables."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=20.0, help="of each run")
    options.add_argument("--serve", help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.serve:
        asyncio.run(serve(given.serve))
        return
    tools = {name: tool for name, tool in TOOLS.items() if name == "trafficgen" or shutil.which(name)}
    print(f"{RATE}/s for {given.seconds:g} s, as the server sees it")
    print(f"{'tool':<12}{'arrived':>9}{'p50 off schedule':>20}{'p99':>12}")
    for name, tool in tools.items():
        arrivals: list[int] = []
        with running("plain", arrivals) as url:
            tool(url, given.seconds)
        half, most = off_schedule_s(arrivals[-int(RATE * given.seconds) :])
        print(f"{name:<12}{len(arrivals):>9,}{half * 1e3:>17.2f} ms{most * 1e3:>9.2f} ms")
    for mode, truth in (
        ("stalls", "stalls for 1 s in 5: truth p90 500 ms, p99 950 ms"),
        ("hangs", f"every {HANG_EVERY}th request hangs, timeout {TIMEOUT_S:g} s: truth p99 at least {TIMEOUT_S:g} s"),
    ):
        print(f"\n{truth}\n{'tool':<12}{'p90':>12}{'p99':>12}")
        for name, tool in tools.items():
            with running(mode, []) as url:
                told = tool(url, given.seconds)
            print(f"{name:<12}{told.p90 * 1e3:>9,.0f} ms{told.p99 * 1e3:>9,.0f} ms")


if __name__ == "__main__":
    main()
