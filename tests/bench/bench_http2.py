"""trafficgen over HTTP/2 beside HTTP/1.1, h2load and oha: processor time of a request, and how exactly 500/s is kept.

The target is nginx answering 200 from memory on loopback, on the other processor. A request's processor time is the
difference of two runs, so that no start counts. Peers that are not installed are left out.
"""

import argparse
import json
import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

CLIENT_CPU, SERVER_CPU = "0", "1"
STREAMS = 20
NGINX = """
daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes 1;
events {{ worker_connections 4096; }}
http {{ access_log off; keepalive_requests 1000000000; client_body_temp_path {folder}; proxy_temp_path {folder};
fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};
ssl_certificate {folder}/server.pem; ssl_certificate_key {folder}/key.pem;
server {{ listen 127.0.0.1:{one}; listen 127.0.0.1:{two} ssl; location / {{ return 200 "ok\\n"; }} }}
server {{ listen 127.0.0.1:{three} http2; listen 127.0.0.1:{four} ssl http2; location / {{ return 200 "ok\\n"; }} }} }}
"""
KINDS = ("HTTP/1.1", "HTTP/1.1, TLS", "h2c", "HTTP/2, TLS")


def main() -> None:
    """Print the tables."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rate", type=int, default=5000, help="requests a second of trafficgen")
    options.add_argument("--seconds", type=int, default=5)
    given = options.parse_args()
    if shutil.which("nginx") is None or shutil.which("openssl") is None:
        print("bench_http2: nginx or openssl is not installed; nothing to measure against")
        return
    with tempfile.TemporaryDirectory() as folder, nginx(Path(folder)) as ports:
        urls = [
            f"{'https' if 'TLS' in kind else 'http'}://127.0.0.1:{port}/"
            for kind, port in zip(KINDS, ports, strict=True)
        ]
        cost(dict(zip(KINDS, urls, strict=True)), given.rate, given.seconds)
        lateness(dict(zip(KINDS, urls, strict=True)))


@contextmanager
def nginx(folder: Path) -> Iterator[list[int]]:
    """A server on four free ports, one for each of `KINDS`."""
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in KINDS]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    certificate = [
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
        "-keyout", "key.pem", "-out", "server.pem", "-subj", "/CN=localhost",
    ]  # fmt: skip
    subprocess.run(certificate, cwd=folder, check=True, capture_output=True)
    names = dict(zip(("one", "two", "three", "four"), ports, strict=True))
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, **names))
    server = subprocess.Popen(pinned(SERVER_CPU, "nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")))
    try:
        while server.poll() is None:
            with suppress(OSError):
                socket.create_connection(("127.0.0.1", ports[0])).close()
                break
            time.sleep(0.05)  # another process, ready once it takes connections
        yield ports
    finally:
        server.terminate()
        server.wait()


def pinned(cpu: str, *command: str) -> list[str]:
    """The command on one processor, where the machine has two."""
    return ["taskset", "-c", cpu, *command] if (os.cpu_count() or 1) > 1 and shutil.which("taskset") else [*command]


def processor_s(*command: str) -> float:
    """Processor seconds of a command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(pinned(CLIENT_CPU, *command), check=False, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def trafficgen(url: str, kind: str, rate: int, seconds: float) -> list[str]:
    """A run at a rate."""
    flag = {"h2c": ["--h2c"], "HTTP/2, TLS": ["--http2"]}.get(kind, [])
    streams = ["--streams", str(STREAMS)] if flag else ["--connections", str(STREAMS)]
    return [
        sys.executable, "-m", "trafficgen.cli", "--url", url, "--rps", str(rate), "--duration", str(seconds),
        "--insecure", "--metrics-address", "off", "--report", "json", "--seed", "1", *flag, *streams,
    ]  # fmt: skip


def h2load(url: str, kind: str, requests: int) -> list[str]:
    """So many requests, as fast as they are answered."""
    if "HTTP/1.1" in kind:
        return ["h2load", "--h1", "-n", str(requests), "-c", str(STREAMS), "-m", "1", url]
    return ["h2load", "-n", str(requests), "-c", "1", "-m", str(STREAMS), url]


def oha(url: str, kind: str, requests: int) -> list[str]:
    """So many requests, as fast as they are answered."""
    how = [] if "HTTP/1.1" in kind else ["--http2", "-p", str(STREAMS)]
    return ["oha", "--no-tui", "--insecure", "-n", str(requests), "-c", "1" if how else str(STREAMS), *how, url]


def cost(urls: dict[str, str], rate: int, seconds: int) -> None:
    """Microseconds of processor a request."""
    peers: dict[str, Callable[[str, str, int], list[str]]] = {"h2load": h2load, "oha": oha}
    found = {name: make for name, make in peers.items() if shutil.which(name)}
    print(f"processor us a request; trafficgen at {rate:,}/s, the peers as fast as they can")
    print(f"{'':<16}{'trafficgen':>12}" + "".join(f"{name:>12}" for name in found))
    for kind, url in urls.items():
        long, short = (processor_s(*trafficgen(url, kind, rate, length)) for length in (seconds + 1, 1))
        cells = [(long - short) / (rate * seconds)]
        for make in found.values():
            long, short = (processor_s(*make(url, kind, count)) for count in (110_000, 10_000))
            cells.append((long - short) / 100_000)
        print(f"{kind:<16}" + "".join(f"{cell * 1e6:>12.1f}" for cell in cells))
    print()


def lateness(urls: dict[str, str]) -> None:
    """How late requests were sent at 500/s, and that all were."""
    print(f"{'500/s for 10 s':<16}{'answered':>12}{'p99 lateness':>16}")
    for kind, url in urls.items():
        command = pinned(CLIENT_CPU, *trafficgen(url, kind, 500, 10))
        report = json.loads(subprocess.run(command, check=False, capture_output=True, text=True).stdout)
        late = report["send_lateness_s"]["p99"]
        print(f"{kind:<16}{report['answered']:>12,}{late * 1e3:>13.2f} ms")


if __name__ == "__main__":
    main()
