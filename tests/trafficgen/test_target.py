"""Reaching a target: addresses, permission, TLS."""

import asyncio
import contextlib
import errno
import gc
import os
import shutil
import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.errors import ConfigError
from trafficgen.config import LoadConfig
from trafficgen.meter.shares import Shares
from trafficgen.plan.patterns import parse_patterns
from trafficgen.plan.plan import Phase
from trafficgen.run import run_load
from trafficgen.send import target as target_module
from trafficgen.send.addresses import Address
from trafficgen.send.loops import loop_factory
from trafficgen.send.request import encode, parse_url
from trafficgen.send.target import Probe, Target


def target_of(url="http://site.example:8080/", *, allow_public=False):
    return Target(parse_url(url), unix_socket=None, insecure=False, allow_public=allow_public)


@pytest.fixture
async def names(monkeypatch):
    """What the resolver answers, to be changed at will."""
    answers = []

    async def getaddrinfo(_host, port, **_more):
        return [(10 if ":" in address else 2, 1, 6, "", (address, port)) for address in answers]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    return answers


class Wire:
    """A transport."""

    def set_protocol(self, protocol):
        pass

    def close(self):
        pass


@pytest.fixture
async def dialled(monkeypatch):
    """The addresses that were connected to."""
    seen = []

    async def create_connection(factory, host, _port, **_more):
        seen.append(host)
        protocol = factory()
        protocol.connection_made(Wire())
        return None, protocol

    monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", create_connection)
    return seen


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.1.2.3", "192.168.0.9", "fe80::1%eth0", "192.0.2.7"])
async def test_private_addresses_just_run(names, address):
    names.append(address)
    await target_of().resolve()


@pytest.mark.parametrize("address", ["8.8.8.8", "2001:4860:4860::8888"])
async def test_a_public_address_must_be_allowed(names, address):
    names[:] = ["127.0.0.1", address]
    with pytest.raises(ConfigError, match=rf"site.example is {address}, a public address; .* --allow-public"):
        await target_of().resolve()
    await target_of(allow_public=True).resolve()


async def test_addresses_take_turns_and_follow_the_name(names, dialled, monkeypatch):
    names[:] = ["127.0.0.1", "127.0.0.2"]
    target = target_of()
    await target.resolve()
    for _ in range(3):
        await target.dial(Probe)
    now = target_module.time.monotonic()
    monkeypatch.setattr(target_module.time, "monotonic", lambda: now + 31)
    names[:] = ["8.8.8.8"]
    await target.dial(Probe)
    monkeypatch.setattr(target_module.time, "monotonic", lambda: now + 62)
    names[:] = ["127.0.0.9"]
    await target.dial(Probe)
    # a name that turns public is not followed
    assert dialled == ["127.0.0.1", "127.0.0.2", "127.0.0.1", "127.0.0.2", "127.0.0.9"]


@pytest.mark.parametrize("uv", [True, False], ids=["uvloop", "asyncio"])
def test_many_connections_that_end_at_once_close_what_is_theirs_and_nothing_else(uv):
    """A descriptor that is closed twice is, the second time, somebody else's."""

    async def run():
        server, port = await served("127.0.0.1")
        found = asyncio.get_running_loop().getaddrinfo
        infos = [info for host in ("127.0.0.9", "127.0.0.1") for info in await found(host, port, type=1)]
        target = target_of(f"http://site.example:{port}/")
        target._addresses.learn(Address(info[0], info[4]) for info in infos)
        target._resolved_s = target_module.time.monotonic()
        async with server:
            for _ in range(10):
                with contextlib.suppress(ConnectionResetError):
                    await target.dial(Probe)
                kept = os.open("/dev/null", os.O_RDONLY)
                await asyncio.sleep(0)
                await asyncio.sleep(0)
                gc.collect()
                os.close(kept)

    with asyncio.Runner(loop_factory=loop_factory() if uv else asyncio.new_event_loop) as runner:
        runner.run(run())


async def served(host, port=0):
    """A server that takes connections; its port."""
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), host, port)
    return server, server.sockets[0].getsockname()[1]


@pytest.mark.parametrize("hosts", [["127.0.0.2", "127.0.0.1"], ["127.0.0.1", "127.0.0.2", "127.0.0.3"]])
async def test_an_address_that_refuses_costs_nothing_and_is_tried_last(names, hosts):
    names[:] = hosts
    server, port = await served("127.0.0.1")
    async with server:
        shares = Shares()
        target = Target(
            parse_url(f"http://site.example:{port}/"),
            unix_socket=None,
            insecure=False,
            allow_public=False,
            shares=shares,
        )
        await target.resolve()
        for _ in range(5):
            await target.dial(Probe)
    assert shares.failed["127.0.0.1"] == 0
    assert all(shares.failed[host] <= 1 for host in hosts)
    assert shares.failed["127.0.0.2"] == 1


async def test_where_all_addresses_fail_the_targets_own_failure_is_told(names, monkeypatch):
    names[:] = ["::1", "127.0.0.1"]
    failures = {"::1": OSError(errno.EADDRNOTAVAIL, "no IPv6 here"), "127.0.0.1": ConnectionRefusedError()}

    async def create_connection(_factory, host, _port, **_more):
        raise failures[host]

    monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", create_connection)
    target = target_of()
    await target.resolve()
    with pytest.raises(ConnectionRefusedError):
        await target.dial(Probe)
    failures["127.0.0.1"] = OSError(errno.EMFILE, "no descriptor")
    with pytest.raises(OSError, match=r"no IPv6 here|no descriptor"):
        await target.dial(Probe)


@pytest.mark.parametrize(
    ("url", "authority", "path"),
    [
        ("http://127.0.0.1:8080", "127.0.0.1:8080", "/"),
        ("HTTP://Example.com/a?b=c#d", "example.com", "/a?b=c"),
        ("https://[::1]:443/", "[::1]", "/"),
        ("https://[::1]:8443/x", "[::1]:8443", "/x"),
    ],
)
def test_a_url_is_read(url, authority, path):
    assert (parse_url(url).authority, parse_url(url).path) == (authority, path)


@pytest.mark.parametrize(
    "url",
    ["", "127.0.0.1:80", "http://", "http://:80/", "http://a:x/", "http://a:99999/", "http://u:p@a/", "http://a/ b"],
)
def test_a_url_that_cannot_be_is_refused(url):
    with pytest.raises(ConfigError, match=r"--url: |credentials"):
        parse_url(url)


def test_a_request_is_framed():
    raw = encode(parse_url("http://a:81/"), "/p?q", method="POST", headers={"host": "b", "X-Y": "z"}, body=b"12")
    head, _, body = raw.partition(b"\r\n\r\n")
    assert head.split(b"\r\n")[0] == b"POST /p?q HTTP/1.1"
    assert sorted(head.split(b"\r\n")[1:]) == [
        b"Accept: */*", b"Content-Length: 2", b"User-Agent: tidewatch-trafficgen", b"X-Y: z", b"host: b"
    ]  # fmt: skip
    assert body == b"12"


@given(st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"])))
def test_a_header_is_sent_as_it_was_given(value):
    head = encode(parse_url("http://a/"), "/", headers={"X-Name": value})
    assert f"X-Name: {value}\r\n".encode() in head


def test_bytes_that_are_not_utf_8_are_sent_as_they_were_typed():
    typed = b"Latin-1: \xe9"
    assert b"X-Name: " + typed in encode(parse_url("http://a/"), "/", headers={"X-Name": os.fsdecode(typed)})


def test_half_a_character_is_refused():
    with pytest.raises(ConfigError, match="cannot be sent as UTF-8"):
        encode(parse_url("http://a/"), "/", headers={"X-Name": "\ud800"})


@pytest.mark.parametrize(
    ("method", "headers"),
    [("GET /", {}), ("GET", {"a b": "c"}), ("GET", {"a": "b\r\nc: d"}), ("GET", {"Content-Length": "1"})],
)
def test_what_would_break_the_framing_is_refused(method, headers):
    with pytest.raises(ConfigError):
        encode(parse_url("http://a/"), "/", method=method, headers=headers)


@pytest.mark.e2e
@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
async def test_tls_is_spoken_and_certificates_are_checked(site, tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    make = await asyncio.create_subprocess_exec(
        "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate,
        "-subj", "/CN=localhost", "-days", "1", stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    assert await make.wait() == 0
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = await asyncio.start_server(site, "127.0.0.1", 0, ssl=context)
    url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    phases = (Phase(pattern=parse_patterns((), 200), duration_s=0.2),)
    with pytest.raises(ConfigError, match=r"certificate.* \(--insecure accepts any certificate\)"):
        await run_load(LoadConfig(url=url, phases=phases))
    report = await run_load(LoadConfig(url=url, phases=phases, insecure=True))
    server.close()
    assert report.sent == report.answered == site.requests["/"] == 40
