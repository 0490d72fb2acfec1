"""Listening sockets: their addresses, TLS on them, and what they do without descriptors."""

import asyncio
import errno
import logging
import socket
from types import SimpleNamespace

import pytest
from aiohttp import web
from talking import settle

from foundation.errors import SourceError
from foundation.listen import Limits, http_server, listen, serve
from foundation.listen import sockets as sockets_module


class NoFiles(socket.socket):
    """A listening socket whose process has no descriptors left, until `there` is set."""

    there = False
    asked = 0

    def accept(self):
        NoFiles.asked += 1
        if not NoFiles.there:
            raise OSError(errno.EMFILE, "no more files")
        return super().accept()


async def test_without_descriptors_connections_wait_and_nothing_spins(server, monkeypatch, caplog):
    monkeypatch.setattr(socket, "socket", NoFiles)
    monkeypatch.setattr(NoFiles, "there", False)
    monkeypatch.setattr(NoFiles, "asked", 0)
    await server.start()
    asking = asyncio.create_task(server.ask())
    while NoFiles.asked < 3:
        rounds = NoFiles.asked
        await settle()
        assert NoFiles.asked <= rounds + 1
        await asyncio.sleep(sockets_module.REST_S)
    NoFiles.there = True
    assert await asking == (200, "page")
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "new connections wait: Too many open files" in caplog.text


async def test_the_last_descriptors_are_for_files(server, monkeypatch, caplog):
    monkeypatch.setattr(sockets_module, "highest_file", lambda: 3)
    await server.start()
    client = await server.client()
    assert not await client.is_open()
    assert "has opened nearly all the files" in caplog.text


async def test_a_client_that_has_gone_already_is_no_reason_to_rest(started):
    listener = sockets_module._Listener(lambda _: None, "x:1", None, Limits())
    errors = iter([ConnectionAbortedError(), ConnectionAbortedError(), BlockingIOError()])

    def accept():
        raise next(errors)

    started.table.limit = 1000
    listener._accept(SimpleNamespace(accept=accept))
    assert (listener._resting, list(errors)) == ({}, [])


async def test_an_application_stands_on_several_addresses(server):
    app = web.Application()
    app.router.add_get("/", server.page)
    made = await http_server(app, server.stack)
    for _ in range(2):
        server.address = await listen(made.protocol, ("127.0.0.1", 0), server.stack)
        assert await server.ask() == (200, "page")


@pytest.mark.parametrize(("host", "why"), [("127.0.0.1", "the port is taken"), ("no.such.name.invalid", "")])
async def test_an_address_that_cannot_be_had_is_one_line(started, host, why):
    with pytest.raises(SourceError, match=rf"^cannot listen on {host}:{started.address.port}: {why}"):
        await serve(web.Application(), (host, started.address.port), started.stack)


async def test_a_name_with_several_addresses_listens_on_all(server, monkeypatch):
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, 0)) for host in ("127.0.0.1", "127.0.0.2")]

    async def getaddrinfo(*_, **__):
        return found

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    await server.start()
    for host in ("127.0.0.1", "127.0.0.2"):
        server.address = (host, server.address[1])
        assert await server.ask() == (200, "page")


async def test_a_tls_handshake_that_does_not_end_is_silent(server, make_certificate, caplog):
    context, client_context = make_certificate()
    await server.start(ssl_context=context)
    clients = [await server.client(b"\x16\x03\x01") for _ in range(4)]
    assert [await client.is_open() for client in clients] == [False, True, True, True]
    _, writer = await asyncio.open_connection(*server.address, ssl=client_context)  # the oldest makes room again
    writer.close()
    assert [await client.is_open() for client in clients] == [False, False, True, True]
    server.after(11)
    assert not any([await client.is_open() for client in clients])
    assert [line.partition(": ")[2] for line in caplog.messages] == [
        "too many connections; the one silent longest: closed (from 127.0.0.1)",
        "no whole TLS handshake in time: closed (from 127.0.0.1)",
    ]


async def test_a_handshake_that_fails_is_one_line(server, make_certificate, caplog):
    await server.start(ssl_context=make_certificate()[0])
    for _ in range(3):
        client = await server.client(b"GET / HTTP/1.1\r\n\r\n")
        await client.closed.wait()
        await settle()
    assert len(caplog.messages) == 1
    assert "TLS handshake failed: closed" in caplog.text
    assert server.table.open == {}


async def test_a_context_that_is_changed_serves_the_next_connection(server, make_certificate):
    pairs = [make_certificate(), make_certificate()]
    contexts = [context for context, _ in pairs]
    await server.start(ssl_context=lambda: contexts[0])
    for _, client_context in pairs:
        _, writer = await asyncio.open_connection(*server.address, ssl=client_context)
        writer.close()
        contexts.pop(0)
