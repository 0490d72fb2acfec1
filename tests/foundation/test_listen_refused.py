"""What is not HTTP, what is never whole, clients that go and faults of ours: the answer, and the line in the log."""

import logging

import pytest
from talking import HEAD, settle, until


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
