"""aiohttp without the machine's certificate authorities: a client that takes them trusts as ever, others nobody."""

import ssl
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from foundation.authorities import authorities, import_aiohttp

ASK = """
import asyncio, sys
from foundation.authorities import import_aiohttp
import_aiohttp()
import ssl, aiohttp
from exporter.sources.http import fetch, new_session
assert ssl.SSLContext.load_default_certs.__name__ == "load_default_certs"
async def main():
    async with new_session() as session:
        print((await fetch(session, sys.argv[1], timeout_s=10)).body.decode())
    async with aiohttp.ClientSession() as forgetful:
        try:
            await forgetful.get(sys.argv[1])
        except aiohttp.ClientConnectorCertificateError:
            print("trusts nobody")
asyncio.run(main())
"""


class Hello(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *_):
        pass


@pytest.fixture
def url(certificates):
    server = HTTPServer(("127.0.0.1", 0), Hello)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificates("server", by="ca"))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"https://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.mark.slow
def test_a_fetch_trusts_the_authorities_that_the_environment_names_and_nobody_without_them(url, certificates):
    ca, _ = certificates("ca", san=None)
    ask = [sys.executable, "-c", ASK, url]
    done = subprocess.run(ask, capture_output=True, text=True, check=False, env={"SSL_CERT_FILE": str(ca)})
    assert done.stdout.split("\n") == ["hello", "trusts nobody", ""], done.stderr
    empty = {"SSL_CERT_FILE": "/dev/null", "SSL_CERT_DIR": "/dev/null"}
    done = subprocess.run(ask, capture_output=True, text=True, check=False, env=empty)
    assert (done.stdout, "the certificate is not trusted" in done.stderr) == ("", True)


def test_the_context_asks_for_certificates_and_names():
    context = authorities()
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    import_aiohttp()  # aiohttp is there already
    assert authorities() is context
