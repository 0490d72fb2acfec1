"""Start the demo and keep it together: `make demo` runs this, and so do the end-to-end tests, on free ports.

The parts stand in the Procfile and run under honcho. This looks first that every port is free, writes the configuration
of the run, tells the addresses once they answer, and sees that everything ends when one part ends, on Ctrl-C or
SIGTERM, and when this process or honcho is killed outright.
"""

import argparse
import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import NoReturn

from family import adopt_orphans, end_all, end_with_parent
from honcho.environ import parse_procfile
from optional import GRAFANA, NotThere, find_grafana, last_words, may_end
from passing import Passing
from planned import announcement, as_lines, early
from ports import free_ports, holder, is_taken

from alerts.render import render, substitute

ROOT = Path(__file__).resolve().parents[2]
READY_WITHIN_S = 60
OPTIONAL_WITHIN_S = 20  # after the others; Grafana makes its database at the first start
STOP_WITHIN_S = 8  # honcho itself kills what has not ended after 5 s


@dataclass(frozen=True)
class Service:
    """One address of the demo: who listens there, and how it tells that it is ready."""

    port: int
    part: str  # its name in the Procfile
    title: str
    health: str  # the path that answers 200 once it serves; empty where HTTP is not spoken
    pages: tuple[str, ...] = ("/",)  # what a person opens: the first that is there
    about: str = ""


SERVICES = (
    Service(
        8000, "preview", "Dashboards (preview)", "/-/healthy", ("/?range=300",), "the boards, drawn without Grafana"
    ),
    Service(3000, "grafana", "Grafana", "/api/health", ("/d/tidewatch?from=now-5m&to=now",), "the same boards"),
    Service(9090, "prometheus", "Prometheus", "/-/ready", ("/alerts", "/classic/alerts"), "rules and alerts"),
    Service(9093, "alertmanager", "Alertmanager", "/-/ready", ("/#/alerts",), "who is told"),
    Service(
        8094, "receiver", "Alert receiver", "/-/healthy", about="the notifications, and the faults that are planned"
    ),
    Service(8090, "exporter", "Exporter", "/-/ready", about="what it counts: /metrics"),
    Service(8095, "exporter", "Error records (HTTP)", "/-/healthy", ("/ingest",), "POST them here"),
    Service(8096, "exporter", "Error records (TCP)", ""),
    Service(8081, "exporter", "Store reports", "/openapi.json", about="uptime of stores as CSV"),
    Service(8080, "timeserver", "Time server", "/-/healthy", about="its own counters: /stats"),
    Service(8089, "traffic", "Traffic", "/metrics", ("/metrics",), "what was planned and sent"),
)
PROGRAMS = {  # in the Procfile -> how it is called on machines, the first that is on PATH is taken
    "alertmanager": ("alertmanager", "prometheus-alertmanager"),
    "python": (shlex.quote(sys.executable),),
}
OPTIONAL = {GRAFANA: "Grafana"}
"""Parts that the others do not need, with what people call them: they may be absent, and end."""


class StackError(Exception):
    """Why the demo cannot run, for the person who started it."""


class Stopped(Exception):  # noqa: N818, a request, not a fault
    """SIGINT or SIGTERM came."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


class Stack:
    """The parts of one run, their addresses, and the supervisor that runs them."""

    def __init__(
        self,
        state: Path,
        *,
        on_free_ports: bool = False,
        without: Collection[str] = (),
        faults_early: bool = False,
    ) -> None:
        self.state = state.resolve()
        self.left_out: dict[str, str] = {}  # optional parts that do not run, by name, and why
        commands = {n: c for n, c in self._found().items() if n not in without}
        self.commands = early(commands) if faults_early else commands
        ports = [s.port for s in SERVICES]
        chosen = free_ports(len(ports)) if on_free_ports else ports
        self.ports = dict(zip(ports, chosen, strict=True))
        self._honcho: subprocess.Popen[bytes] | None = None
        self._passing: Passing | None = None
        self.planned_from_s = 0.0  # Unix time

    @property
    def services(self) -> list[Service]:
        """The addresses of the parts that run."""
        return [s for s in SERVICES if s.part in self.commands and s.part not in self.left_out]

    def _found(self) -> dict[str, str]:
        """The Procfile's parts with the programs of this machine; what is optional and absent is left out."""
        commands = {}
        for name, command in parse_procfile((ROOT / "Procfile").read_text("utf-8")).processes.items():
            try:
                commands[name] = _command(name, command)
            except NotThere as reason:
                self.left_out[name] = str(reason)
        return commands

    def address(self, part: str) -> str:
        """The base URL of a part, such as http://127.0.0.1:8080; the first, where it has several."""
        return next(self.url(s) for s in SERVICES if s.part == part)

    def url(self, service: Service) -> str:
        """The base URL of one of the services."""
        return f"http://127.0.0.1:{self.ports[service.port]}"

    def look_for_free_ports(self) -> None:
        """Raise StackError, naming who wants the port and who holds it, if any port is taken.

        An optional part whose port is taken is left out.
        """
        taken = [s for s in self.services if is_taken(self.ports[s.port])]
        for service in [s for s in taken if s.part in OPTIONAL]:
            taken.remove(service)
            del self.commands[service.part]
            port = self.ports[service.port]
            self.left_out[service.part] = f"its port {port} is held by {holder(port)}"
        if taken:
            lines = [f"port {self.ports[s.port]} ({s.title}) is held by {holder(self.ports[s.port])}" for s in taken]
            raise StackError("\n".join([*lines, "end that, and start again"]))

    def prepare(self) -> None:
        """Write the run's configuration and Procfile into its state folder. Raises StackError."""
        replacements = {f"127.0.0.1:{old}": f"127.0.0.1:{new}" for old, new in self.ports.items()}
        replacements[".tidewatch/"] = f"{self.state}/"
        run = self.state / "run"
        try:
            shutil.rmtree(run, ignore_errors=True)
            render(run, replacements)
            for folder in ("site", "feeds", *(["grafana/plugins"] if GRAFANA in self.commands else [])):
                (self.state / folder).mkdir(exist_ok=True, parents=True)
            state = replacements[".tidewatch/"] = f"{shlex.quote(str(self.state))}/"  # from here on for the shell
            replacements |= {f"--port {old}": f"--port {new}" for old, new in self.ports.items()}
            replacements |= {f"http_port={old}": f"http_port={new}" for old, new in self.ports.items()}
            files = ("alerts/prometheus.yml", "alerts/alertmanager.yml", "exporter/demo.yml")
            replacements |= {name: f"{state}run/{name}" for name in files}
            lines = [f"{name}: {substitute(command, replacements)}\n" for name, command in self.commands.items()]
            (run / "Procfile").write_text("".join(lines), "utf-8")
            self.planned_from_s = time.time()
            (run / "planned.json").write_text(json.dumps(announcement(self.planned_from_s)), "utf-8")
        except OSError as exc:
            hint = "; an earlier run as another user? remove the folder, or run as that user again"
            raise StackError(f"{exc.filename}: {exc.strerror}{hint}") from exc

    def start(self, output: Path | None = None) -> None:
        """Start the parts. Their output goes to ours until `stop`, or to the file `output`."""
        procfile = self.state / "run" / "Procfile"
        if output is None:
            self._passing = Passing()
        with open(self._passing.channel, "wb") if self._passing else output.open("wb") as stdout:  # noqa: PTH123, a descriptor
            self._honcho = subprocess.Popen(
                [sys.executable, "-m", "honcho", "start", "-d", ROOT, "-f", procfile, "-e", os.devnull],
                stdout=stdout,
                stderr=stdout,
                stdin=subprocess.DEVNULL,
                env={k: v for k, v in os.environ.items() if not k.startswith("GF_")},  # would override our settings
                start_new_session=True,  # Ctrl-C reaches this process alone, which then stops the parts in order
                preexec_fn=end_with_parent,  # noqa: PLW1509, no thread runs here
            )

    def ended(self) -> bool:
        """Whether a part has ended, and with it all others."""
        return self._honcho is not None and self._honcho.poll() is not None

    def lost(self) -> list[str]:
        """A line for each optional part that has ended since the last call; the others go on."""
        lines = []
        for name in OPTIONAL.keys() & self.commands.keys() - self.left_out.keys():
            if words := last_words(name, self.state / "run"):
                self.left_out[name] = words
                lines.append(f"demo: the others go on without {OPTIONAL[name]}: {words}")
        return lines

    def silent(self) -> list[Service]:
        """The services that do not answer yet."""
        return [s for s in self.services if s.health and not _answers(self.url(s) + s.health)]

    def wait_until_ready(self) -> None:
        """Return once every service answers; an optional one only for a while, and unless it ends.

        Raises StackError when a part that is needed ends first, or after a minute.
        """
        begin = time.monotonic()
        needed_s = 0.0  # how long the others took
        while silent := self.silent():
            self.lost()
            waited_s = time.monotonic() - begin
            needed = [s for s in silent if s.part not in OPTIONAL]
            if self.ended():
                raise StackError("a part ended while the others started; its last words stand above")
            if needed and waited_s > READY_WITHIN_S:
                names = ", ".join(f"{s.title} at {self.url(s)}{s.health}" for s in needed)
                raise StackError(f"no answer after {READY_WITHIN_S} s from {names}")
            if needed:
                needed_s = waited_s
            elif waited_s > needed_s + OPTIONAL_WITHIN_S:
                return
            time.sleep(0.1)

    def stop(self, *, quietly: bool = False) -> None:
        """End every part, without what they say of it if `quietly`; returns when none is left."""
        if quietly and self._passing:
            self._passing.drop()
        if self._honcho and self._honcho.poll() is None:
            self._honcho.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._honcho.wait(STOP_WITHIN_S)
        end_all(grace_s=3)


def _command(name: str, command: str) -> str:
    """A part's command with the program of this machine. Raises NotThere and StackError."""
    match = re.fullmatch(r"((?:\w+=\S* )*)(\S+)(.*)", command)
    assert match, f"Procfile: {name}: variables, a program, arguments"
    variables, program, arguments = match.groups()
    if name == GRAFANA:
        grafana = find_grafana()
        home = shlex.quote(str(grafana.home))
        return may_end(name, f"{variables}{grafana.program}{arguments.replace('/usr/share/grafana', home)}")
    found = next((p for p in PROGRAMS.get(program, (program,)) if shutil.which(shlex.split(p)[0])), None)
    if not found:
        raise StackError(f"{program} is not on PATH: `make system-packages` installs it on Debian and Ubuntu")
    return f"{variables}exec {found}{arguments}"


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def _banner(stack: Stack) -> str:
    rows = [(s.title, _page(stack, s), s.about) for s in stack.services if s.health]
    widths = [max(len(row[i]) for row in rows) for i in (0, 1)]
    lines = [f"  {title:<{widths[0]}}  {url:<{widths[1]}}  {about}".rstrip() for title, url, about in rows]
    absent = [f"Without {OPTIONAL[name]}: {why}." for name, why in stack.left_out.items()]
    absent += [f"{s.title} does not answer yet." for s in stack.silent()]
    planned = as_lines(stack.planned_from_s)
    return "\n".join(["", "Tidewatch runs. Ctrl-C stops it.", *lines, *absent, "", *planned, ""])


def _page(stack: Stack, service: Service) -> str:
    """The address for people: of several pages the first that is there, as Debian's Prometheus lacks the newer ones."""
    *earlier, last = (stack.url(service) + page for page in service.pages)
    return next((url for url in earlier if _answers(url)), last)


def _check(stack: Stack, output: Path, arguments: list[str]) -> int:
    """Run the end-to-end check against the running stack; its exit code, or 1 if a part ended."""
    command = ["trafficgen", "verify", f"--url={stack.address('timeserver')}"]
    command += [f"--logs={stack.state / 'site' / 'access.log'}*", f"--exporter={stack.address('exporter')}"]
    command += [f"--hosting-truth={stack.state / 'hosting' / 'truth.json'}"]
    command += [f"--{p}={stack.address(p)}" for p in ("prometheus", "receiver")]
    command += [f"--releases-truth={stack.state / 'feeds' / 'releases.json'}"]
    command += [f"--stores-truth={stack.state / 'stores' / 'truth.json'}"]
    command += [f"--metrics-address=127.0.0.1:{stack.ports[8089]}", *arguments]
    check = subprocess.Popen(command, preexec_fn=end_with_parent)  # noqa: PLW1509, no thread runs here
    while check.poll() is None:
        if stack.ended():
            check.terminate()
            raise StackError(f"a part ended during the check; its last words stand in {output}")
        time.sleep(0.1)
    return check.returncode


def _run(options: argparse.Namespace) -> int:
    without = {"traffic"} if options.check or options.without_traffic else set()
    without |= OPTIONAL.keys() if options.check else set()  # it is not asked anything
    state = options.state / "check" if options.check else options.state
    stack = Stack(
        state, on_free_ports=options.free_ports, without=without, faults_early=options.check or options.without_traffic
    )
    stack.look_for_free_ports()
    if options.check:
        shutil.rmtree(state, ignore_errors=True)  # the check counts from nothing
    stack.prepare()
    output = state / "parts.log" if options.check else None
    asked = False
    try:
        stack.start(output)
        stack.wait_until_ready()
        (state / "run" / "addresses.json").write_text(json.dumps({s.part: stack.address(s.part) for s in SERVICES}))
        if output:
            return _check(stack, output, options.arguments)
        print(_banner(stack), flush=True)
        while not stack.ended():
            for line in stack.lost():
                print(line, flush=True)
            time.sleep(0.1)
        raise StackError("a part ended, and the others were stopped with it; the line `stopped` above tells which")
    except Stopped as stop:
        asked = True
        return 128 + stop.number if options.check else 0
    finally:
        signal.signal(signal.SIGINT, _end_at_once)
        signal.signal(signal.SIGTERM, _end_at_once)
        stack.stop(quietly=asked)
        give_back(options.state)
        if asked:
            print(f"\nTidewatch has stopped; the next run goes on from {options.state}/ (make clean removes it).")


def give_back(state: Path) -> None:
    """After a run under sudo the state belongs to the owner of the repository, so that the next run needs no sudo."""
    owner = ROOT.stat()
    if os.geteuid() == 0 and owner.st_uid and os.environ.get("SUDO_UID") == str(owner.st_uid):
        for path in [state, *state.rglob("*")]:
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def _ask_to_stop(number: int, frame: FrameType | None) -> NoReturn:
    raise Stopped(number)


def _end_at_once(number: int, frame: FrameType | None) -> NoReturn:
    end_all(grace_s=0)
    os._exit(128 + number)


def main() -> int:
    """Read the command line and run; returns the exit code."""
    parser = argparse.ArgumentParser(description="Start Tidewatch's demo, and stop all of it together.")
    parser.add_argument("--check", action="store_true", help="drive traffic, print the end-to-end table, stop")
    parser.add_argument("--free-ports", action="store_true", help="not the usual ports but any that are free")
    parser.add_argument("--state", type=Path, default=Path(".tidewatch"), help="folder for all state (%(default)s)")
    parser.add_argument("--without-traffic", action="store_true", help="leave the sending to others; faults come early")
    parser.add_argument("arguments", nargs="*", help="for `trafficgen verify`, after --")
    options = parser.parse_args()
    os.chdir(ROOT)
    os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # our own commands first
    adopt_orphans()
    end_with_parent()
    signal.signal(signal.SIGINT, _ask_to_stop)
    signal.signal(signal.SIGTERM, _ask_to_stop)
    try:
        return _run(options)
    except Stopped as stop:
        return 128 + stop.number
    except StackError as exc:
        print(f"demo: {exc}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
