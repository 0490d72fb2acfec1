"""How the host of the URL is reached: own authorities, a client certificate, another name, another place."""

import asyncio
import ssl
import subprocess
from dataclasses import replace

import pytest

from foundation.errors import ConfigError
from trafficgen.config import LoadConfig, Reach
from trafficgen.options import reach
from trafficgen.plan.patterns import parse_patterns
from trafficgen.plan.plan import Phase
from trafficgen.run import run_load
from trafficgen.send.request import parse_url
from trafficgen.send.target import Target, tls_context

FLAGS = dict.fromkeys(("cacert", "cert", "key", "sni", "connect_to", "resolve", "unix_socket"))


def openssl(*words):
    subprocess.run(["openssl", *words], check=True, capture_output=True)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """An authority, a server `site.example`, a client; an encrypted key."""
    folder = tmp_path_factory.mktemp("tls")
    ec = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl("req", "-x509", *ec, "-keyout", folder / "ca.key", "-out", folder / "ca.pem", "-subj", "/CN=ca",
            "-days", "2", "-addext", "keyUsage=critical,keyCertSign")  # fmt: skip
    for name in ("site.example", "client"):
        openssl("req", *ec, "-keyout", folder / f"{name}.key", "-out", folder / "req", "-subj", f"/CN={name}",
                "-addext", f"subjectAltName=DNS:{name}")  # fmt: skip
        openssl("x509", "-req", "-in", folder / "req", "-CA", folder / "ca.pem", "-CAkey", folder / "ca.key",
                "-days", "2", "-copy_extensions", "copy", "-out", folder / f"{name}.pem")  # fmt: skip
        (folder / f"{name}.key").chmod(0o600)
    openssl("ec", "-in", folder / "client.key", "-aes256", "-passout", "pass:x", "-out", folder / "locked.key")
    (folder / "locked.key").chmod(0o600)
    (folder / "both.pem").write_text((folder / "client.pem").read_text() + (folder / "client.key").read_text())
    (folder / "both.pem").chmod(0o600)
    return folder


def server_context(files):
    """For clients with a certificate of the authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files / "site.example.pem", files / "site.example.key")
    context.load_verify_locations(files / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    return context


@pytest.fixture
async def secure(site, files):
    """The site over TLS, for clients with a certificate of the authority; `asked` are the names in their hellos."""
    context = server_context(files)
    site.asked = set()
    context.sni_callback = lambda _socket, name, _context: site.asked.add(name)
    server = await asyncio.start_server(site, "127.0.0.1", 0, ssl=context)
    site.port = server.sockets[0].getsockname()[1]
    yield site
    server.close()


def config(url, **how):
    phases = (Phase(pattern=parse_patterns((), 400), duration_s=0.05),)
    return LoadConfig(url=url, phases=phases, seed=1, reach=Reach(**how))


async def test_own_authorities_a_client_certificate_and_another_place(secure, files):
    own = {"cacert": files / "ca.pem", "cert": files / "client.pem", "key": files / "client.key"}
    place = {"connect_to": ("127.0.0.1", secure.port)}
    report = await run_load(config("https://site.example/", **own, **place))
    assert report.answered == 20
    assert secure.asked == {"site.example"}


@pytest.fixture
async def secure_http2(serve_http2, files):
    """A server of HTTP/2 over TLS, for clients of the authority: its port, and the names that it was asked for."""
    context = server_context(files)
    context.set_alpn_protocols(["h2"])
    names = set()
    context.sni_callback = lambda _socket, name, _context: names.add(name)
    port, _ = await serve_http2(context)
    return port, names


async def test_http2_is_reached_in_the_same_ways(secure_http2, files):
    port, names = secure_http2
    own = {"cacert": files / "ca.pem", "cert": files / "client.pem", "key": files / "client.key"}
    there = config("https://site.example/", **own, connect_to=("127.0.0.1", port))
    assert (await run_load(replace(there, protocol="h2"))).answered == 20
    resolved = config(f"https://site.example:{port}/", **own, addresses=("127.0.0.2", "127.0.0.1"))
    report = await run_load(replace(resolved, protocol="h2"))  # nothing listens on the first address
    assert (report.answered, report.addresses["127.0.0.1"].sent) == (20, 20)
    named = config(f"https://127.0.0.1:{port}/", **own, sni="site.example")
    assert (await run_load(replace(named, protocol="h2"))).answered == 20
    assert names == {"site.example"}


@pytest.mark.parametrize("offered", [["http/1.1"], []], ids=["http1", "nothing"])
async def test_a_server_that_does_not_offer_http2_is_told(serve_http2, files, offered):
    context = server_context(files)
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(offered)
    port, asked = await serve_http2(context)
    there = config("https://site.example/", cacert=files / "ca.pem", connect_to=("127.0.0.1", port))
    with pytest.raises(ConfigError, match=r"cannot connect to .*: it does not offer HTTP/2 by ALPN \(without --http2"):
        await run_load(replace(there, protocol="h2"))
    assert asked == []


async def test_the_key_may_stand_in_the_file_of_the_certificate(secure, files):
    own = {"cacert": files / "ca.pem", "cert": files / "both.pem", "addresses": ("127.0.0.1",)}
    assert (await run_load(config(f"https://site.example:{secure.port}/", **own))).answered == 20


async def test_another_name_is_asked_for_and_must_be_proven(secure, files):
    own = {"cacert": files / "ca.pem", "cert": files / "both.pem"}
    assert (await run_load(config(f"https://127.0.0.1:{secure.port}/", **own, sni="site.example"))).answered == 20
    with pytest.raises(ConfigError, match=r"certificate is not valid for 'other\.example'|[Hh]ostname mismatch"):
        await run_load(config(f"https://127.0.0.1:{secure.port}/", **own, sni="other.example"))


async def test_plain_http_goes_to_another_place_under_its_own_name(site):
    heads = []

    async def keep(reader, writer):
        heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(keep, "127.0.0.1", 0)
    place = ("127.0.0.1", server.sockets[0].getsockname()[1])
    report = await run_load(config("http://no-such-host.invalid/", connect_to=place))
    server.close()
    assert report.answered == 20
    assert all("\r\nHost: no-such-host.invalid\r\n" in head for head in heads)


async def test_a_public_place_needs_to_be_allowed_too():
    for how in ({"connect_to": ("8.8.8.8", 80)}, {"addresses": ("127.0.0.1", "8.8.8.8")}):
        target = Target(
            parse_url("http://127.0.0.1/"), unix_socket=None, insecure=False, allow_public=False, reach=Reach(**how)
        )
        with pytest.raises(ConfigError, match=r"8\.8\.8\.8, a public address"):
            await target.resolve()


def test_files_that_cannot_be_used_are_refused_with_the_reason(files):
    for how, said in (
        ({"cacert": files / "client.key"}, "--cacert: .*not certificates in PEM"),
        ({"cert": files / "client.pem"}, "--cert .*not a certificate and its key in PEM"),
        ({"cert": files / "client.pem", "key": files / "site.example.key"}, "--cert .*--key .*mismatch"),
        ({"cert": files / "client.pem", "key": files / "locked.key"}, "the key is encrypted; decrypt it first"),
    ):
        with pytest.raises(ConfigError, match=said):
            tls_context(insecure=False, reach=Reach(**how))
    for how in ({"cacert": files / "ca.pem"}, {"cert": files / "both.pem"}, {"sni": "x"}):
        with pytest.raises(ConfigError, match="for https only, and the URL is http"):
            Target(parse_url("http://a/"), unix_socket=None, insecure=False, allow_public=False, reach=Reach(**how))


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"key": "k"}, "--key: without --cert"),
        ({"connect_to": ("a", 1), "unix_socket": "s"}, "--connect-to: with --unix-socket"),
        ({"resolve": "a:1:127.0.0.1", "unix_socket": "s"}, "--resolve: with --unix-socket"),
        ({"connect_to": ("a", 1), "resolve": "a:1:127.0.0.1"}, "--resolve: with --connect-to"),
        ({"resolve": "a:127.0.0.1"}, "expected HOST:PORT:ADDRESS"),
        ({"resolve": "a:80:host"}, "expected HOST:PORT:ADDRESS"),
        ({"resolve": "b:80:127.0.0.1"}, "b:80: the URL has a:80"),
        ({"resolve": "a:81:127.0.0.1"}, "a:81: the URL has a:80"),
    ],
)
def test_flags_that_do_not_go_together_are_refused(flags, said):
    with pytest.raises(ConfigError, match=said):
        reach({"url": "http://a/", **FLAGS, **flags})


def test_resolve_takes_addresses_of_both_families():
    given = {"url": "http://A.example/", **FLAGS, "resolve": "a.example:80:127.0.0.1,[::1]"}
    assert reach(given).addresses == ("127.0.0.1", "::1")
