"""For every test: how hypothesis draws, who runs it, and how a run ends: why tests were skipped, one line of counts."""

import gc
import json
import logging
import os
import signal
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import settings
from ports import free_ports
from quick import listed
from workers import ByServers

# How long an example takes is the machine's business. The examples are the same in each run of the same test, so that a
# run says something of the change that it is of; --hypothesis-profile=explore draws others each time.
settings.register_profile("tidewatch", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None)
settings.register_profile("quick", settings.get_profile("explore"), max_examples=5)  # what `make unit` draws
settings.load_profile("tidewatch")

gc.disable()  # nothing of what is collected is garbage; see pytest_collection_finish


def pytest_configure():
    """Let the programs that tests start heed SIGINT, also where a shell runs the tests in its background."""
    os.environ["STATE_DIRECTORY"] = ".tidewatch/state"  # in the folder of each test
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Mark what was measured as slow, before marks choose what runs; the longest come first."""
    rank = {name: number for number, name in enumerate(ByServers.first)}
    items.sort(key=lambda item: rank.get(item.path.name, len(rank)))
    slow = listed()
    for item in items:
        if item.nodeid.partition("[")[0] in slow:
            item.add_marker("slow")


def pytest_collection_finish():
    """Collect the garbage of tests, without looking through all tests each time."""
    gc.freeze()
    gc.enable()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Give tests out by what they start, with `--dist loadscope`."""
    return ByServers(config, log) if config.getvalue("dist") == "loadscope" else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol():
    """Undo what a program that ran in this process did to it.

    What it logs to is closed, and the next line would be an error. Its umask would make other tests' files private.
    """
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    os.umask(umask := os.umask(0))
    try:
        return (yield)
    finally:
        os.umask(umask)
        for handler in set(root.handlers) - set(handlers):
            root.removeHandler(handler)
        root.setLevel(level)


@pytest.fixture
def unused_tcp_port():
    """A port that nothing takes meanwhile: pytest-asyncio's own is of those that outgoing connections get."""
    return free_ports(1)[0]


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable():
    """Let a worker report what it captured of names that are not UTF-8, which cannot be sent as they are."""
    return _sendable((yield))


def _sendable(value):
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_sendable(key): _sendable(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(_sendable, value))
    return value


COUNTS = pytest.StashKey[Counter[str]]()
_BROKEN_LINES = 12
broken: list[str] = []


def pytest_internalerror(excrepr):
    """Keep what ended the run itself, to tell it last: a worker's is far above what follows from it."""
    broken.append(str(excrepr))


def pytest_terminal_summary(terminalreporter, config):
    """Tell the skipped tests by reason, and make the last line of the run."""
    if config.option.collectonly:
        return
    found = Counter(
        {outcome: len(terminalreporter.stats.get(outcome, [])) for outcome in ("passed", "failed", "error", "skipped")}
    )
    reasons = Counter(_reason(report) for report in terminalreporter.stats.get("skipped", []))
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"skipped {count}: {reason}")
    config.stash[COUNTS] = found


def pytest_unconfigure(config):
    """Print the counts after everything else; with those of the runs before that name the same file in TEST_COUNTS."""
    found = config.stash.get(COUNTS, Counter() if broken else None)
    if found is None or hasattr(config, "workerinput"):
        return  # the run that the workers are of counts for them
    if broken:
        found["error"] += 1
        print("the run broke off:", *broken[0].splitlines()[-_BROKEN_LINES:], sep="\n")
    if name := os.environ.get("TEST_COUNTS"):
        file = Path(name)
        found += Counter(json.loads(file.read_text() or "{}"))
        file.write_text(json.dumps(found))
    print(f"{found['passed']} passed, {found['failed'] + found['error']} failed, {found['skipped']} skipped")


def _reason(report):
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return reason.removeprefix("Skipped: ")


class Certificates:
    """Makes certificates in one folder, each once: `ca` first, those that it signs after."""

    def __init__(self, folder):
        self.folder = folder
        self.made = {}

    def __call__(self, name, *, by=None, san="DNS:localhost,IP:127.0.0.1", expired=False, passphrase=None):
        """(certificate, key) of `name`, signed `by` a name, a pair or itself; `expired` ones by themselves."""
        wanted = (name, by, san, expired, passphrase)
        if wanted not in self.made:
            cert, key = (self.folder / f"{len(self.made)}-{name}.{ending}" for ending in ("crt", "key"))
            command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
            command += ["-passout", f"pass:{passphrase}"] if passphrase else ["-nodes"]
            command += ["-subj", f"/CN={name}", "-days", "2", "-keyout", key, "-out", cert]
            command += ["-addext", f"subjectAltName={san}"] if san else []
            if by is not None:
                ca, ca_key = self(by, san=None) if isinstance(by, str) else by
                command += ["-CA", ca, "-CAkey", ca_key]
            subprocess.run(command, check=True, capture_output=True)
            if expired:
                again = ["openssl", "x509", "-in", cert, "-signkey", key, "-days", "-1", "-out", cert]
                subprocess.run(again, check=True, capture_output=True)
            self.made[wanted] = cert, key
        return self.made[wanted]


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    return Certificates(tmp_path_factory.mktemp("certificates"))
