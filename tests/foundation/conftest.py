"""A certificate for this machine, and a server on it."""

import ssl
import subprocess
from contextlib import AsyncExitStack

import pytest
from talking import Server


@pytest.fixture(scope="session")
def make_certificate(tmp_path_factory):
    """Makes a certificate of its own for 127.0.0.1; returns the server's context and the client's."""

    def make():
        folder = tmp_path_factory.mktemp("certificate")
        files = ["-keyout", folder / "key", "-out", folder / "certificate"]
        kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
        name = ["-subj", "/CN=tidewatch", "-addext", "subjectAltName=IP:127.0.0.1"]
        subprocess.run(["openssl", "req", "-x509", *kind, *name, *files], check=True, capture_output=True)
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(folder / "certificate", folder / "key")
        return server, ssl.create_default_context(cafile=str(folder / "certificate"))

    return make


@pytest.fixture
async def server():
    """One that is not started; see `Server.start`."""
    async with AsyncExitStack() as stack:
        yield Server(stack)


@pytest.fixture
async def started(server):
    """One that listens, with what is usual."""
    await server.start()
    return server
