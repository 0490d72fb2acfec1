"""Servers on real sockets: who is let in, who is cut off, and what the log says. The clock is moved by hand."""

import asyncio
import errno
import logging
import socket
from contextlib import AsyncExitStack
from types import SimpleNamespace

import pytest
from aiohttp import web

from foundation.errors import SourceError
from foundation.listen import BusyError, Limits, Slots, State, connections, http_server, listen, serve
from foundation.listen import slots as slots_module
from foundation.listen import sockets as sockets_module

HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n"
BIG = b"x" * (32 << 20)  # more than all buffers of a connection hold


class Server:
    """An application with a page of each kind, and the clients that talk to it in bytes."""

    def __init__(self, stack):
        self.stack = stack
        self.table = connections()
        self.table.limit = 3
        self.release = asyncio.Event()
        self.working = asyncio.Event()
        self.slots = Slots(2)

    async def start(self, **settings):
        app = web.Application(client_max_size=1 << 30)
        app.router.add_get("/", self.page)
        app.router.add_post("/", self.take)
        app.router.add_get("/work", self.work)
        app.router.add_post("/work", self.work)
        app.router.add_get("/big", self.big)
        app.router.add_get("/slot", self.slot)
        app.router.add_get("/bug", self.bug)
        app.router.add_get("/broken", self.broken)
        app.router.add_get("/gone", self.gone)
        self.address = await serve(app, ("127.0.0.1", 0), self.stack, **settings)

    async def page(self, _):
        return web.Response(text="page")

    async def take(self, request):
        return web.Response(text=str(len(await request.read())))

    async def work(self, _):
        self.working.set()
        await self.release.wait()
        return web.Response(text="done")

    async def big(self, _):
        return web.Response(body=BIG)

    async def slot(self, request):
        try:
            async with self.slots.slot(request):
                response = web.StreamResponse()
                await response.prepare(request)
                await response.write(BIG if "big" in request.query else b"small")
                return response
        except BusyError:
            return web.Response(status=503)

    async def bug(self, _):
        raise ValueError("a bug")

    async def broken(self, _):
        raise web.RequestPayloadError("the body is not what it says")

    async def gone(self, request):
        """What asyncio makes of a file for a client that has just gone."""
        response = web.StreamResponse()
        await response.prepare(request)
        request.transport.close()
        raise RuntimeError("Transport is closing")

    async def client(self, sent=b"", *, reads=True):
        """A connection that the server has accepted, and whose first bytes it has read."""
        loop = asyncio.get_running_loop()
        _, client = await loop.create_connection(lambda: Client(reads=reads), *self.address)
        self.stack.callback(client.transport.abort)
        await client.say(sent)
        return client

    def after(self, seconds):
        """As if so much time had passed since now."""
        self.table.sweep(asyncio.get_running_loop().time() + seconds)

    def protocol(self):
        """What speaks with the only client."""
        (connection,) = self.table.open
        return connection._protocol

    def standing(self):
        """How the only client stands now."""
        return self.protocol().standing(asyncio.get_running_loop().time())

    async def ask(self, path="/"):
        """The status of one request on a connection of its own, and its body."""
        client = await self.client(b"GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % path.encode())
        await client.closed.wait()
        head, _, body = bytes(client.received).partition(b"\r\n\r\n")
        return int(head.split()[1]), body.decode()


class Client(asyncio.Protocol):
    """What the server sends, and whether it has closed the connection."""

    def __init__(self, *, reads):
        self.received = bytearray()
        self.closed = asyncio.Event()
        self._reads = reads

    def connection_made(self, transport):
        self.transport = transport
        if not self._reads:
            transport.pause_reading()

    def data_received(self, data):
        self.received += data

    def connection_lost(self, exc):
        self.closed.set()

    async def say(self, data):
        """Send; wait until the server has taken it."""
        self.transport.write(data)
        while self.transport.get_write_buffer_size():  # noqa: ASYNC110, nothing else says it
            await asyncio.sleep(0)
        await settle()

    async def is_open(self):
        self.transport.resume_reading()
        await settle()
        return not self.closed.is_set()


async def until(what, is_so):
    """Wait until it is so; `what`, for the case that it never is."""
    try:
        async with asyncio.timeout(20):
            while not is_so():
                await settle()
    except TimeoutError:
        pytest.fail(f"not within 20 s: {what}")


async def settle():
    """Let everything happen that is on its way within this process: the kernel hands over at once on loopback."""
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.fixture
async def server():
    async with AsyncExitStack() as stack:
        yield Server(stack)


@pytest.fixture
async def started(server):
    await server.start()
    return server


@pytest.mark.parametrize(
    ("sent", "waits_s"),
    [
        pytest.param([b""], 10, id="silent"),
        pytest.param([b"GET / HT"], 10, id="half-a-line"),
        pytest.param([HEAD, b"X: ", b"a", b"a", b"a"], 10, id="drip"),
        pytest.param([HEAD + b"\r\n"], 75, id="between-requests"),
        pytest.param([HEAD + b"\r\n", HEAD, b"X"], 10, id="half-of-the-next"),
        pytest.param([b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n", b"abc", b"d"], 30, id="half-a-body"),
    ],
)
async def test_a_client_has_so_long_and_no_longer(started, sent, waits_s):
    client = await started.client()
    for piece in sent:
        await client.say(piece)
    started.after(waits_s - 1)
    assert await client.is_open()
    started.after(waits_s + 1)
    assert not await client.is_open()


async def test_a_drip_does_not_begin_the_wait_anew(server, monkeypatch):
    monkeypatch.setattr("foundation.listen.table.SWEEP_S", 0.01)
    await server.start(limits=Limits(header_s=0.03))
    client = await server.client(HEAD)
    for _ in range(300):
        if client.closed.is_set():
            break
        await client.say(b"a")
        await asyncio.sleep(0.01)
    assert client.closed.is_set()


async def test_a_large_body_has_longer_by_its_size(started):
    client = await started.client(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\n\r\n")
    await client.say(b"a" * (640 << 10))
    started.after(38)
    assert await client.is_open()
    started.after(41)
    assert not await client.is_open()


async def test_a_body_has_the_time_of_its_own_bytes_alone(started):
    size = 1 << 20
    client = await started.client(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size)
    await client.say(b"x" * size)
    await until("the first answer", lambda: client.received.endswith(b"%d" % size))
    await client.say(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc")
    standing = started.standing()
    assert standing.state is State.BODY
    assert standing.due_s - standing.since_s == pytest.approx(Limits().body_s, abs=1.0)


async def test_a_body_that_nobody_reads_is_not_the_client_s_to_send(started):
    client = await started.client(b"POST /work HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (16 << 20))
    client.transport.write(b"x" * (16 << 20))
    await until("the server reads no more", lambda: started.protocol()._reading_paused)
    assert started.standing().state is State.WORK


async def test_what_aiohttp_hands_on_to_itself_comes_from_no_client(started):
    await started.client(HEAD + b"\r\n")
    before = started.standing()
    started.protocol().data_received(b"")
    assert started.standing() == before
    assert before.state is State.IDLE


async def test_while_the_server_works_nobody_is_late(started):
    client = await started.client(b"GET /work HTTP/1.1\r\nHost: x\r\n\r\nGET / HT")
    await started.working.wait()
    started.after(1000)
    started.release.set()
    assert await client.is_open()
    assert client.received.endswith(b"done")


async def test_an_answer_that_is_not_read_is_cut_off(started):
    client = await started.client(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n", reads=False)
    started.after(0)
    started.after(9)
    assert started.table.cut == {}
    started.after(11)
    assert not await client.is_open()
    assert started.table.cut == {(str(started.address), "answer"): 1}


async def test_an_answer_that_is_read_arrives_whole(started):
    status, body = await started.ask("/big")
    assert (status, len(body)) == (200, len(BIG))


async def test_answers_to_pipelined_requests_wait_until_those_before_are_read(started):
    request = b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n"
    await started.client(request * 20, reads=False)
    (connection,) = started.table.open
    assert connection._transport.get_write_buffer_size() < 2 * len(BIG)


async def test_who_is_silent_longest_makes_room(started):
    silent = [await started.client() for _ in range(3)]
    assert await started.ask() == (200, "page")
    assert [await client.is_open() for client in silent] == [False, True, True]
    await silent[1].say(HEAD + b"\r\n")  # from now on it is silent for a shorter time than the other
    late = await started.client(HEAD)
    assert [await client.is_open() for client in (*silent, late)] == [False, True, True, True]
    await started.client()
    assert [await client.is_open() for client in (*silent, late)] == [False, True, False, True]


async def test_an_idle_connection_is_silent_and_one_at_work_is_not(started):
    working = await started.client(b"GET /work HTTP/1.1\r\nHost: x\r\n\r\n")
    await started.working.wait()
    idle = await started.client(HEAD + b"\r\n")
    for _ in range(5):
        assert await started.ask() == (200, "page")
        await started.client()
    started.release.set()
    assert (await working.is_open(), await idle.is_open()) == (True, False)
    assert working.received.endswith(b"done")


async def test_a_flood_of_silence_is_a_few_lines_in_the_log(started, caplog):
    clients = [await started.client() for _ in range(100)]
    assert await started.ask() == (200, "page")
    started.after(11)
    assert not any([await client.is_open() for client in clients])
    assert len(caplog.messages) == 2
    assert started.table.cut == {(str(started.address), "limit"): 98, (str(started.address), "header"): 2}


async def test_where_all_are_at_work_others_wait_and_get_their_turn(started):
    started.table.limit = -8  # so much is guaranteed
    working = await started.client(b"GET /work HTTP/1.1\r\nHost: x\r\n\r\n")
    asking = asyncio.create_task(started.ask())
    await settle()
    assert not asking.done()
    started.table.limit = 3
    assert await asking == (200, "page")
    assert await working.is_open()
    started.release.set()


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
    monkeypatch.setattr(sockets_module.socket, "socket", NoFiles)
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


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00", b"400", id="tls"),
        pytest.param(b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n", b"400", id="long"),
        pytest.param(HEAD + b"X: a\0b\r\n\r\n", b"400", id="nul"),
        pytest.param(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"400", id="chunk"),
    ],
)
async def test_what_is_not_http_is_answered_and_is_one_line_in_the_log(started, caplog, sent, status):
    for _ in range(3):
        client = await started.client(sent)
        await client.closed.wait()
        assert client.received.split()[1] == status
    assert [record.exc_info for record in caplog.records] == [None]


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param([b"zz\r\n"], id="no-size"),
        pytest.param([b"-1\r\n"], id="negative"),
        pytest.param([b"f" * 20 + b"\r\n"], id="huge"),
        pytest.param([b"3\r\nabc\r\n", b"qq\r\n"], id="the-second"),
        pytest.param([b"3\r\nabcX"], id="longer-than-it-says"),
        pytest.param([b"0\r\n" + b"a: b\r\n" * 20_000], id="trailers"),
        pytest.param([b"3;" + b"x" * 600_000, b"x" * 600_000], id="an-extension-without-end"),
    ],
)
async def test_a_body_that_can_never_be_whole_is_refused_at_once(started, caplog, sent):
    client = await started.client(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
    for piece in sent:
        await client.say(piece)
    await until("the end of the connection", client.closed.is_set)
    assert client.received.count(b"HTTP/1.1 400") == 1
    assert client.received.split()[1] == b"400"
    assert [record.exc_info for record in caplog.records] == [None]


async def test_a_body_in_the_smallest_chunks_is_taken(started):
    client = await started.client(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(10):
        await client.say(b"1\r\na\r\n" * 30_000)
    await client.say(b"0\r\n\r\n")
    await until("the answer", lambda: client.received.endswith(b"300000"))


async def test_a_client_that_goes_in_the_middle_leaves_no_trace(started, caplog):
    for sent in (
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc",
        HEAD,
        b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n",
    ):
        client = await started.client(sent, reads=False)
        client.transport.abort()
        await settle()
    assert started.table.open == {}
    assert not any(record.exc_info for record in caplog.records)


async def test_a_client_that_goes_before_a_file_is_sent_leaves_no_trace(started, caplog):
    client = await started.client(b"GET /gone HTTP/1.1\r\nHost: x\r\n\r\n")
    await client.closed.wait()
    await settle()
    assert not any(record.exc_info for record in caplog.records)


async def test_a_fault_of_ours_is_one_traceback(started, caplog):
    for _ in range(3):
        assert await started.ask("/bug") == (500, "Internal Server Error\n")
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert "ValueError: a bug" in caplog.text


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /bug HTTP/1.1\r\nHost: x\r\n\r\n", 500),
        (b"GET /broken HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    ],
    ids=["of-ours", "of-the-client"],
)
async def test_after_a_fault_the_connection_ends(started, sent, status):
    client = await started.client(sent)
    await until("the end of the connection", client.closed.is_set)
    assert int(client.received.split()[1]) == status


async def test_what_a_client_sends_makes_no_long_answer_and_no_long_line(started, caplog):
    client = await started.client(b"GET / HTTP/1.1\r\n" + b"(" * 2000 + b": x\r\n\r\n")
    await until("the end of the connection", client.closed.is_set)
    assert 0 < len(client.received.partition(b"\r\n\r\n")[2]) < 200
    assert max(len(record.getMessage()) for record in caplog.records) < 300


async def test_a_client_that_has_gone_already_is_no_reason_to_rest(started):
    listener = sockets_module._Listener(lambda _: None, "x:1", None, Limits())
    errors = iter([ConnectionAbortedError(), ConnectionAbortedError(), BlockingIOError()])

    def accept():
        raise next(errors)

    started.table.limit = 1000
    listener._accept(SimpleNamespace(accept=accept))
    assert (listener._resting, list(errors)) == ({}, [])


async def test_who_waits_for_a_slot_hears_at_once_of_a_free_one(monkeypatch):
    monkeypatch.setattr(slots_module, "_LOOK_S", 1000.0)
    slots = Slots(1)

    async def take():
        async with slots.slot(SimpleNamespace(protocol=None)):
            pass

    async with slots.slot(SimpleNamespace(protocol=None)):
        waiting = asyncio.create_task(take())
        await settle()
        assert not waiting.done()
    await until("the free slot is taken", waiting.done)
    await waiting


def test_an_answer_gives_its_slot_up_once_it_has_waited_and_the_oldest_first(monkeypatch):
    closed = []
    monkeypatch.setattr(slots_module, "connections", lambda: SimpleNamespace(close=lambda one, _: closed.append(one)))
    slots, young, old = Slots(3), SimpleNamespace(stalled_s=10.0), SimpleNamespace(stalled_s=9.0)
    slots._taken = {1: young, 2: old, 3: None}
    slots._cut_stalled(9.0 + slots_module.STALL_S / 2)
    assert closed == []
    slots._cut_stalled(11.0)
    assert closed == [old]


async def test_who_asks_and_does_not_read_loses_the_slot_to_who_does(started, monkeypatch):
    monkeypatch.setattr("foundation.listen.slots.STALL_S", 0.0)
    started.table.limit = 10
    lazy = [await started.client(b"GET /slot?big HTTP/1.1\r\nHost: x\r\n\r\n", reads=False) for _ in range(2)]
    assert await started.ask("/slot") == (200, "5\r\nsmall\r\n0\r\n\r\n")
    assert [await client.is_open() for client in lazy] == [False, True]


async def test_without_a_slot_the_answer_is_503(started, monkeypatch):
    monkeypatch.setattr("foundation.listen.slots.WAIT_S", 0.0)
    started.table.limit = 10
    lazy = [await started.client(b"GET /slot?big HTTP/1.1\r\nHost: x\r\n\r\n", reads=False) for _ in range(2)]
    assert (await started.ask("/slot"))[0] == 503
    assert started.table.cut == {}
    lazy[0].transport.abort()
    await settle()
    assert (await started.ask("/slot"))[0] == 200


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
