"""A collector shows its token and certificate, trusts its CA only, and keeps secrets out of its words."""

import http.server
import ssl
import subprocess
import threading

import pytest
from click.testing import CliRunner

from exporter.stats.collector.access import Access
from exporter.stats.collector.cli import command
from exporter.stats.collector.page import StatsPage
from foundation.errors import ConfigError, SourceError

TOKEN = "s3cret-token"


class Server(http.server.ThreadingHTTPServer):
    shown: list
    url: str


class Guarded(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self):
        self.server.shown.append(self.headers["Authorization"])
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"200s: 1\n")

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def pem(tmp_path_factory):
    """A certificate for 127.0.0.1 that is its own CA, and its key."""
    folder = tmp_path_factory.mktemp("pem")
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    name = ["-subj", "/CN=tidewatch", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", folder / "key", "-out", folder / "cert"]
    subprocess.run(["openssl", "req", "-x509", *kind, *name, *files], check=True, capture_output=True)
    (folder / "both").write_text((folder / "cert").read_text() + (folder / "key").read_text())
    (folder / "both").chmod(0o600)
    locked = ["openssl", "ec", "-aes128", "-passout", "pass:x", "-in", folder / "key", "-out", folder / "locked"]
    subprocess.run(locked, check=True, capture_output=True)
    (folder / "locked").chmod(0o600)
    return folder


@pytest.fixture
def token(tmp_path):
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    path.chmod(0o600)
    return path


@pytest.fixture
def serve():
    """Starts a page, over TLS where a context is given; returns its server, which has what it was shown."""
    running = []

    def start(context=None):
        server = Server(("127.0.0.1", 0), Guarded)
        server.handle_error, server.shown = lambda *_: None, []
        scheme = "https" if context else "http"
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        server.url = f"{scheme}://127.0.0.1:{server.server_port}/stats"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        running.append((server, thread))
        return server

    yield start
    for server, thread in running:
        server.shutdown()
        server.server_close()
        thread.join()


def tls(pem, *, asks_client=False):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem / "cert", pem / "key")
    if asks_client:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(pem / "cert")
    return context


def read(url, access):
    page = StatsPage(url, timeout_s=5.0, pause=lambda _: None, access=access)
    try:
        return page.read()
    finally:
        page.close()


def test_the_token_is_shown_and_read_anew_for_each_collection(serve, token):
    server = serve()
    page = StatsPage(server.url, timeout_s=5.0, access=Access(token_file=token))
    page.read()
    token.write_text("another")
    page.read()
    token.unlink()
    with pytest.raises(SourceError, match="No such file"):
        page.read()
    page.close()
    assert server.shown == [f"Bearer {TOKEN}", "Bearer another"]


def test_only_the_ca_that_is_named_is_trusted(serve, pem):
    server = serve(tls(pem))
    with pytest.raises(SourceError, match="certificate verify failed"):
        read(server.url, Access())
    assert read(server.url, Access(ca_file=pem / "cert")) == {"200s": 1}


@pytest.mark.parametrize("files", [("cert", "key"), ("both", None)])
def test_a_page_that_asks_for_a_certificate_is_shown_it(serve, pem, files):
    server = serve(tls(pem, asks_client=True))
    with pytest.raises(SourceError):
        read(server.url, Access(ca_file=pem / "cert"))
    cert, key = (pem / name if name else None for name in files)
    assert read(server.url, Access(ca_file=pem / "cert", cert_file=cert, key_file=key)) == {"200s": 1}


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (["--token-file", "absent"], "absent: No such file"),
        (["--cacert", "absent"], "absent: No such file or directory"),
        (["--cacert", "token"], "token: expected certificates as PEM"),
        (["--cert", "cert", "--key", "token"], "expected a certificate and its key as PEM"),
        (["--cert", "cert", "--key", "locked"], "encrypted: expected a key without a passphrase"),
        (["--key", "key"], "--key: expected --cert FILE with it"),
        (["--url", "http://127.0.0.1:1/", "--cacert", "cert"], "--cacert: expected a page with https"),
    ],
)
def test_what_cannot_be_used_is_told_before_anything_is_sent(pem, token, monkeypatch, flags, complaint):
    monkeypatch.chdir(pem)
    (pem / "token").write_text(token.read_text())
    result = CliRunner().invoke(command, ["--url", "https://127.0.0.1:1/", *flags])
    assert isinstance(result.exception, ConfigError), result
    assert complaint in str(result.exception)
    assert TOKEN not in result.output + str(result.exception)


@pytest.mark.parametrize(
    ("url", "warned"),
    [
        ("http://example.com/", True),
        ("https://example.com/", False),
        ("http://localhost:8080/", False),
        ("http://[::1]/", False),
        ("http://127.1.2.3/", False),
        ("http://ip6-loopback/", False),
        ("http://LocalHost.:8080/", False),
        ("http://localhost.example.com/", True),
    ],
)
def test_a_token_that_anybody_could_read_is_warned_of(token, url, warned):
    assert Access(token_file=token).shows_token_to_all(url) == warned
    assert not Access().shows_token_to_all(url)
