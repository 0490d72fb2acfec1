"""TLS and rules that follow their files: over real handshakes on loopback."""

import asyncio
import logging
import os
import shutil
import socket
import ssl
from contextlib import AsyncExitStack

import pytest
import uvloop
from aiohttp import web

from foundation.config import MAX_CONFIG_BYTES
from foundation.errors import ConfigError
from foundation.listen import serve as listen_and_serve
from foundation.web import Status, WebPolicy
from foundation.web import policy as module

HASH = "$2b$04$abcdefghijklmnopqrstuO64R4VFVGNxw8JsxX2LfUdyT7kInfCw2"


@pytest.fixture
def files(tmp_path, certificates):
    """The web configuration of a server in `tmp_path`; `use` puts certificates under the names that it has."""

    class Files:
        path = tmp_path / "web.yml"

        def write(self, text):
            self.path.write_text(text)
            self.path.chmod(0o600)

        def tls(self, extra=""):
            self.write(f"tls_server_config:\n  cert_file: live.crt\n  key_file: live.key\n{extra}")

        def use(self, name, **of):
            cert, key = certificates(name, by="ca", **of)
            shutil.copy(cert, tmp_path / "live.crt")
            shutil.copy(key, tmp_path / "live.key")

        def trust(self, *names):
            cas = [certificates(name, san=None)[0].read_bytes() for name in names]
            (tmp_path / "clients.crt").write_bytes(b"".join(cas))

        def verify(self, extra=""):
            self.tls("  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: clients.crt\n" + extra)

    found = Files()
    found.use("server")
    return found


@pytest.fixture
def client(certificates):
    """A client's context that trusts the server's authority, with a certificate of its own or without."""

    def make(certificate=None):
        context = ssl.create_default_context(cafile=certificates("ca", san=None)[0])
        if certificate:
            context.load_cert_chain(*certificate)
        return context

    return make


async def serve(policy):
    """A server, as the stack to leave at its end, and its port."""

    async def hello(_):
        return web.Response(text="hello")

    app, stack = web.Application(), AsyncExitStack()
    app.router.add_get("/", hello)
    address = await listen_and_serve(app, ("127.0.0.1", 0), stack, ssl_context=policy.ssl_context)
    return stack, address.port


async def soon(what, waiting):
    """What comes of `waiting`; `what` it is, for the case that it never comes."""
    try:
        return await asyncio.wait_for(waiting, 20)
    except TimeoutError:
        pytest.fail(f"not within 20 s: {what}")


async def ask(port, context):
    """What a client gets: the server's certificate with its answer, or why there is none."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost")
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        said = await reader.read()
        subject = writer.get_extra_info("peercert")["subject"][0][0][1]
        writer.close()
    except (ssl.SSLError, OSError) as exc:
        return type(exc).__name__
    return subject if said else "nothing"


async def test_each_handshake_sees_the_certificate_of_the_moment(files, client):
    files.tls()
    policy = WebPolicy(files.path)
    server, port = await serve(policy)
    async with server:
        assert await ask(port, client()) == "server"
        files.use("renewed")
        assert await ask(port, client()) == "renewed"
    policy.close()


def test_the_same_under_uvloop(files, client):
    async def main():
        await test_each_handshake_sees_the_certificate_of_the_moment(files, client)

    uvloop.run(main())


async def test_an_expired_certificate_gives_way_without_any_handshake_that_succeeds(files, client):
    files.tls()
    files.use("old", expired=True)
    policy = WebPolicy(files.path)
    server, port = await serve(policy)
    async with server:
        assert await ask(port, client()) == "SSLCertVerificationError"
        files.use("renewed")
        assert await ask(port, client()) == "renewed"
    policy.close()


async def test_a_removed_authority_is_not_trusted_by_the_next_connection(files, client, certificates):
    files.verify()
    files.trust("one", "two")
    policy = WebPolicy(files.path)
    server, port = await serve(policy)
    ones, twos = (client(certificates(f"client-{name}", by=name)) for name in ("one", "two"))
    async with server:
        assert await ask(port, client()) != "server"
        assert [await ask(port, context) for context in (ones, twos)] == ["server", "server"]
        files.trust("two")
        assert await ask(port, ones) != "server"
        assert await ask(port, twos) == "server"
    policy.close()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_session_of_an_old_context_is_of_no_use(files, client, certificates, version):
    """A client that resumes shows no certificate again: it must not be let in by what was true once."""
    files.verify()
    files.trust("one")
    policy = WebPolicy(files.path)
    server, port = await serve(policy)
    context = client(certificates("client-one", by="one"))
    context.maximum_version = version

    def connect(session=None):
        with (
            socket.create_connection(("127.0.0.1", port)) as plain,
            context.wrap_socket(plain, server_hostname="localhost", session=session) as secure,
        ):
            secure.sendall(b"GET / HTTP/1.0\r\n\r\n")
            said = secure.recv(1000)
            if not said:
                raise ConnectionError
            return said, secure.session

    async with server:
        said, session = await asyncio.to_thread(connect)
        assert b"hello" in said
        files.trust("two")
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.to_thread(connect, session)
    policy.close()


@pytest.mark.parametrize(
    ("sans", "san", "let_in"),
    [
        ("[one]", "DNS:one", True),
        ("[two]", "DNS:one", False),
        ("['192.0.2.1', '2001:db8::1']", "IP:2001:db8:0:0:0:0:0:1", True),
        ("['urn:x']", "URI:urn:x,DNS:y", True),
        ("[a@example.com]", "email:b@example.com", False),
    ],
)
async def test_only_clients_of_allowed_names_are_let_in(*, files, client, certificates, sans, san, let_in):
    files.verify(f"  client_allowed_sans: {sans}\n")
    files.trust("one")
    policy = WebPolicy(files.path)
    server, port = await serve(policy)
    async with server:
        found = await ask(port, client(certificates("client-one", by="one", san=san)))
    assert (found == "server") is let_in
    policy.close()


async def test_a_certificate_in_the_file_itself(files, client, certificates):
    cert, key = certificates("inline", by="ca")
    indented = ["    ".join(["", *path.read_text().splitlines(keepends=True)]) for path in (cert, key)]
    files.write(f"tls_server_config:\n  cert: |\n{indented[0]}  key: |\n{indented[1]}")
    policy = WebPolicy(files.path)
    server, port = await serve(policy)
    async with server:
        assert await ask(port, client()) == "inline"
    policy.close()


@pytest.mark.parametrize(
    ("extra", "curves", "ciphers", "version", "want"),
    [
        ("curve_preferences: [CurveP384]", "secp384r1", None, None, True),
        ("curve_preferences: [CurveP384]", "prime256v1", None, None, False),
        (
            "cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]",
            None,
            "ECDHE-ECDSA-AES256-GCM-SHA384",
            "1.2",
            True,
        ),
        (
            "cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]",
            None,
            "ECDHE-ECDSA-AES128-GCM-SHA256",
            "1.2",
            False,
        ),
        ("cipher_suites: [TLS_AES_128_GCM_SHA256]", None, None, "1.2", False),
        ("cipher_suites: [TLS_AES_128_GCM_SHA256]", None, None, "1.3", True),
        ("max_version: TLS12", None, None, "1.3", False),
        ("min_version: TLS13", None, None, "1.2", False),
    ],
)
async def test_what_the_file_says_of_algorithms_holds(*, files, client, extra, curves, ciphers, version, want):
    files.tls(f"  {extra}\n")
    policy = WebPolicy(files.path)
    server, port = await serve(policy)
    context = client()
    if curves:
        context.set_ecdh_curve(curves)
    if ciphers:
        context.set_ciphers(ciphers)
    if version:
        context.minimum_version = context.maximum_version = getattr(ssl.TLSVersion, f"TLSv1_{version[-1]}")
    async with server:
        assert (await ask(port, context) == "server") is want
    policy.close()


@pytest.mark.parametrize("preferred", ["true", "false"])
async def test_who_chooses_the_cipher_suite(files, client, preferred):
    files.tls(
        f"  max_version: TLS12\n  prefer_server_cipher_suites: {preferred}\n  cipher_suites: "
        "[TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]\n"
    )
    policy = WebPolicy(files.path)
    server, port = await serve(policy)
    context = client()
    context.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384")
    async with server:
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost")
        assert ("AES256" in writer.get_extra_info("cipher")[0]) is (preferred == "true")
        writer.close()
    policy.close()


@pytest.mark.parametrize(
    ("breaking", "want"),
    [
        (lambda files: files.path.write_text("tls: ["), "not YAML"),
        (lambda files: files.path.write_text("tls: {}"), "unknown key tls"),
        (lambda files: files.path.write_bytes(b"\xff"), "not UTF-8"),
        (lambda files: files.path.unlink(), "No such file"),
        (lambda files: files.path.write_text(""), "by a restart only"),
        (lambda files: (files.path.parent / "live.key").unlink(), "key_file: "),
        (
            lambda files: (files.path.parent / "live.crt").write_text("junk"),
            "expected a certificate and its key as PEM",
        ),
        (lambda files: (files.path.parent / "live.crt").write_bytes(b""), "expected a certificate and its key as PEM"),
    ],
)
async def test_a_broken_file_leaves_what_was_and_is_told(files, client, caplog, breaking, want):
    files.tls()
    policy = WebPolicy(files.path, now=lambda: 5.0)
    assert policy.statuses() == [(str(files.path), True, 5.0)]
    server, port = await serve(policy)
    async with server:
        breaking(files)
        with caplog.at_level(logging.ERROR):
            assert [await ask(port, client()) for _ in range(3)] == ["server"] * 3
        assert policy.statuses() == [(str(files.path), False, 5.0)]
        assert want in caplog.text
        assert caplog.text.count("the old web configuration stays") == 1
        files.tls()
        files.use("renewed")
        assert await ask(port, client()) == "renewed"
        assert policy.statuses() == [(str(files.path), True, 5.0)]
    policy.close()


@pytest.mark.parametrize("name", ["web.yml", "live.crt", "live.key"])
async def test_a_file_that_becomes_a_pipe_holds_up_nobody(files, client, caplog, name):
    files.tls()
    policy = WebPolicy(files.path)
    server, port = await serve(policy)
    async with server:
        (files.path.parent / name).unlink()
        os.mkfifo(files.path.parent / name)
        with caplog.at_level(logging.ERROR):
            assert await ask(port, client()) == "server"
        assert "expected a regular file" in caplog.text
    policy.close()


async def test_a_certificate_that_comes_before_its_key_waits_for_it(files, client, certificates):
    files.tls()
    policy = WebPolicy(files.path)
    server, port = await serve(policy)
    cert, key = certificates("renewed", by="ca")
    async with server:
        shutil.copy(cert, files.path.parent / "live.crt")
        assert await ask(port, client()) == "server"
        shutil.copy(key, files.path.parent / "live.key")
        assert await ask(port, client()) == "renewed"
    policy.close()


async def test_a_change_that_keeps_size_and_time_is_seen(files):
    files.write("allowed_hosts: [aaa]")
    policy = WebPolicy(files.path)
    before = files.path.stat()
    with files.path.open("r+") as stream:
        stream.write("allowed_hosts: [bbb]")
    os.utime(files.path, ns=(before.st_atime_ns, before.st_mtime_ns))
    policy.refresh()
    assert policy.hosts == ("bbb",)
    policy.close()


async def test_the_timer_looks_by_itself(files, monkeypatch):
    monkeypatch.setattr(module, "LOOK_S", 0.001)
    files.write("allowed_hosts: [aaa]")
    policy = WebPolicy(files.path)
    own, seen = policy.of(str(files.path)), asyncio.Event()
    refresh = policy.refresh

    def look():
        refresh()
        if policy.hosts == own.hosts == ("bbb",):
            seen.set()

    monkeypatch.setattr(policy, "refresh", look)
    with policy:
        files.write("allowed_hosts: [bbb]")
        await soon("both policies see the new file", seen.wait())


async def test_the_timer_outlives_a_bug(files, monkeypatch):
    monkeypatch.setattr(module, "LOOK_S", 0.001)
    policy = WebPolicy(None)
    looks = asyncio.Queue()

    def look():
        looks.put_nowait(1)
        raise RuntimeError

    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    monkeypatch.setattr(policy, "refresh", look)
    with policy:
        await soon("a look", looks.get())
        await soon("a look after the one that failed", looks.get())


async def test_a_policy_that_is_closed_looks_no_more(monkeypatch):
    monkeypatch.setattr(module, "LOOK_S", 1000.0)
    with WebPolicy(None) as policy:
        timer = policy._timer
        assert not timer.cancelled()
    assert timer.cancelled()


def test_the_time_of_the_rules_in_force_is_reported(files):
    times = iter([5.0, 9.0])
    files.write("allowed_hosts: [a]")
    policy = WebPolicy(files.path, now=lambda: next(times))
    assert policy.statuses() == [Status(str(files.path), True, 5.0)]
    files.write("allowed_hosts: [b]")
    policy.refresh()
    assert policy.statuses() == [Status(str(files.path), True, 9.0)]
    files.write("allowed_hosts: {}")
    policy.refresh()
    assert policy.statuses() == [Status(str(files.path), False, 9.0)]
    policy.close()


def test_a_file_that_is_too_large_is_refused(files):
    files.write("#" * (MAX_CONFIG_BYTES + 1))
    with pytest.raises(ConfigError, match="larger than 4 MiB"):
        WebPolicy(files.path)


async def test_an_authority_that_another_has_signed_is_trusted_if_the_file_names_it(files, client, certificates):
    between = certificates("between", by="ca", san=None)
    shutil.copy(between[0], files.path.with_name("clients.crt"))
    files.verify()
    policy = WebPolicy(files.path)
    server, port = await serve(policy)
    async with server:
        assert await ask(port, client(certificates("client", by=between))) == "server"
    policy.close()


async def test_who_may_come_without_a_certificate_needs_no_name(files, client):
    files.trust("one")
    files.tls(
        "  client_auth_type: VerifyClientCertIfGiven\n  client_ca_file: clients.crt\n  client_allowed_sans: [one]\n"
    )
    policy = WebPolicy(files.path)
    server, port = await serve(policy)
    async with server:
        assert await ask(port, client()) == "server"
    policy.close()


def test_a_server_that_names_a_file_has_its_rules_and_the_allowed_hosts_of_all(files):
    files.write("allowed_hosts: [theirs]")
    main = WebPolicy(None, ["ours"])
    own = main.of(str(files.path))
    assert own.hosts == ("ours", "theirs")
    assert main.of(None) is main
    assert main.of(str(files.path)) is own
    assert own.passwords is main.passwords
    assert own.refused is main.refused
    assert [status.file for status in main.statuses()] == [str(files.path)]
    with pytest.raises(ConfigError, match=r"none\.yml: No such file"):
        main.of(str(files.path.with_name("none.yml")))
    main.close()


@pytest.mark.parametrize(
    ("name", "content", "want"),
    [
        ("live.crt", None, r"\$\.tls_server_config\.cert_file: .*live\.crt: No such file"),
        ("live.key", "junk", r"expected a certificate and its key as PEM.*live\.crt, .*live\.key"),
        ("clients.crt", "junk", "client_ca: expected certificates as PEM"),
        ("clients.crt", "", "client_ca: expected certificates as PEM"),
    ],
)
def test_what_is_wrong_at_the_start_is_refused(files, name, content, want):
    files.trust("one")
    files.verify()
    path = files.path.parent / name
    path.unlink() if content is None else path.write_text(content)
    with pytest.raises(ConfigError, match=want):
        WebPolicy(files.path)


def test_a_key_with_a_passphrase_is_refused_and_asks_nobody(files):
    files.tls()
    files.use("locked", passphrase="secret")
    with pytest.raises(ConfigError, match="encrypted: expected a key without a passphrase"):
        WebPolicy(files.path)


def test_a_key_of_another_certificate_is_refused(files, certificates):
    files.tls()
    shutil.copy(certificates("other", by="ca")[1], files.path.parent / "live.key")
    with pytest.raises(ConfigError, match="key values mismatch"):
        WebPolicy(files.path)


def test_an_allowed_host_that_nobody_could_ask_for_is_refused():
    with pytest.raises(ConfigError, match="invalid host 'a b'"):
        WebPolicy(None, ["a b"])


def test_hashes_and_keys_that_others_may_read_are_warned_of_once(files, caplog):
    files.write(f"basic_auth_users: {{a: '{HASH}'}}")
    files.path.chmod(0o644)
    for _ in range(2):
        WebPolicy(files.path).close()
    assert caplog.text.count("others may read it (mode 644): chmod 600") == 1
    assert str(files.path) in caplog.text
    caplog.clear()
    files.path.chmod(0o600)
    (files.path.parent / "live.key").chmod(0o640)
    files.tls()
    WebPolicy(files.path).close()
    assert "live.key holds secrets" in caplog.text
