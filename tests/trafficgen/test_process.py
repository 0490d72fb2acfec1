"""The program as a process: signals, exit codes, what goes to stdout and what to stderr."""

import asyncio
import json
import signal
import socket
import sys

import pytest

pytestmark = pytest.mark.e2e


async def start(site, *arguments):
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "trafficgen.cli", "--url", site.url, "--metrics-address", "off", "--report", "json",
        *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_drains_and_reports(site, number, workers):
    process = await start(site, "--rps", "200", "--workers", workers)
    await site.at_least(20)
    process.send_signal(number)
    out, err = await asyncio.wait_for(process.communicate(), 30)
    report = json.loads(out)
    assert process.returncode == (4 if report["saturated"] else 0)  # a crowded machine may not let us keep the pace
    assert report["stopped_early"]
    assert report["planned"] == report["sent"] + sum(report["dropped"].values())
    assert report["sent"] == report["answered"] == site.requests.total() >= 20
    assert err == b"trafficgen: stopping; waiting for last answers (a second signal ends at once)\n"


async def test_a_second_signal_ends_at_once(site):
    async def hang(reader, _writer):
        await reader.read()

    site.script["/"] = hang
    process = await start(site, "--rps", "50", "--timeout", "1h")
    await site.at_least(5)
    process.send_signal(signal.SIGINT)
    await process.stderr.readline()
    process.send_signal(signal.SIGINT)
    out, _ = await asyncio.wait_for(process.communicate(), 30)
    report = json.loads(out)
    assert process.returncode == 130
    assert report["no_answer"] == {"aborted": report["sent"]}


async def test_two_generators_with_nothing_said_both_send(site):
    """Only the first of all on this machine can have the default port."""
    command = [
        sys.executable, "-m", "trafficgen.cli", "--url", site.url, "--rps", "50", "--duration", "0.2",
        "--report", "json",
    ]  # fmt: skip
    pipes = {"stdout": asyncio.subprocess.PIPE, "stderr": asyncio.subprocess.PIPE}
    async with asyncio.timeout(60):
        both = [await asyncio.create_subprocess_exec(*command, **pipes) for _ in range(2)]
        told = [await process.communicate() for process in both]
    assert [json.loads(out)["sent"] for out, _ in told] == [10, 10]
    said = sum(err.count(b"127.0.0.1:8089 is taken") for _, err in told)
    assert 0 <= said == sum(err.count(b"\n") for _, err in told) <= 2


async def test_a_port_that_was_asked_for_and_is_taken_is_one_line(site):
    port = site.url.split(":")[2].rstrip("/")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "trafficgen.cli", "--url", site.url, "--rps", "1", "--metrics-address",
        f"127.0.0.1:{port}", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(), 30)
    assert (process.returncode, out, site.requests.total()) == (3, b"", 0)
    assert b"the port is taken; give another address, or off" in err


async def test_a_generator_at_its_limit_says_so(site):
    process = await start(site, "--rps", "2000000", "--duration", "0.5", "--on-behind", "drop")
    out, _ = await asyncio.wait_for(process.communicate(), 60)
    report = json.loads(out)
    assert process.returncode == 4
    assert report["saturated"]
    assert set(report["own_fault"]) <= {"processor", "wakeups"}
    assert report["planned"] == report["sent"] + sum(report["dropped"].values()) == 1_000_000
    assert report["sent"] == report["answered"] + sum(report["no_answer"].values())


async def start_with_files(site, files, *arguments):
    command = [sys.executable, "-m", "trafficgen.cli", "--url", site.url, "--metrics-address", "off", *arguments]
    return await asyncio.create_subprocess_exec(
        "sh", "-c", f'ulimit -n {files}; exec "$@"', "sh", *command, "--report", "json",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


async def test_connections_that_cannot_be_had_are_refused_at_the_start(site):
    process = await start_with_files(site, 100, "--rps", "50", "--duration", "1", "--connections", "256")
    out, err = await asyncio.wait_for(process.communicate(), 30)
    assert (process.returncode, out, site.connections) == (2, b"", 0)
    assert err.decode() == (
        "trafficgen: --connections: 256 need 288 open files in a process, the limit is 100: at most --connections 68, "
        "or raise the limit (ulimit -n)\n"
    )
    process = await start_with_files(site, 100, "--rps", "50", "--duration", "0.2", "--connections", "68")
    out, err = await asyncio.wait_for(process.communicate(), 30)
    assert (json.loads(out)["answered"], err) == (10, b"")


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_without_the_flag_as_many_connections_are_used_as_fit(site, workers):
    process = await start_with_files(site, 100, "--rps", "50", "--duration", "0.2", "--workers", workers)
    out, err = await asyncio.wait_for(process.communicate(), 30)
    assert json.loads(out)["answered"] == 10
    assert err.decode() == (
        f"trafficgen: --connections: {68 * int(workers)} instead of 256, as the limit of open files is 100; "
        "raise it (ulimit -n)\n"
    )


async def test_an_exceeded_limit_is_an_exit_code(site, tmp_path):
    process = await start(
        site, "--rps", "100", "--duration", "0.3", "--mix", "/=1,/fail=1", "--fail-if", "error_ratio>0.1",
        "--output", str(tmp_path / "r.json"), "--seed", "3",
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(), 30)
    assert (out, err) == (b"", b"")
    report = json.loads((tmp_path / "r.json").read_text())
    assert process.returncode == (4 if report["saturated"] else 10)
    assert report["failed"] == [f"error_ratio>0.1: it is {report['codes']['500'] / report['sent']:.6g}"]
    assert report["seed"] == 3


async def test_an_unreachable_host_is_one_line(site):
    with socket.socket() as silent:  # bound, and not listening: nobody else gets the port meanwhile
        silent.bind(("127.0.0.1", 0))
        where = f"127.0.0.1:{silent.getsockname()[1]}"
        site.url = f"http://{where}/"
        process = await start(site, "--rps", "1")
        out, err = await asyncio.wait_for(process.communicate(), 30)
    assert (process.returncode, out) == (3, b"")
    assert err.decode() == f"trafficgen: --url: cannot connect to {where}: Connection refused\n"
