"""Servers on real sockets: who has how long, who is cut off, and who is let in. The clock is moved by hand."""

import asyncio

import pytest
from talking import BIG, HEAD, settle, until

from foundation.listen import Limits, State


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
    client.transport.resume_reading()
    await until("the client has read what was sent, and its end", client.closed.is_set)
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
