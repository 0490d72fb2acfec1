"""A query's series over a range, from a server that answers as Prometheus does, or otherwise."""

import asyncio
import socket
import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.sources import prometheus as module
from exporter.sources.http import new_session
from exporter.sources.prometheus import Asked, Server, ask_range
from foundation.errors import SourceError

SIX = Asked("up", 1000.0, 1050.0, 10.0)


def every_step(form):
    """A value at each step of series a, one of series b."""
    start, end, step = (float(form[name]) for name in ("start", "end", "step"))
    values = [[start + n * step, str(n)] for n in range(round((end - start) / step) + 1)]
    result = [{"metric": {"id": "a"}, "values": values}, {"metric": {"id": "b"}, "values": values[:1]}]
    return 200, {"status": "success", "data": {"resultType": "matrix", "result": result}}


def times(pieces):
    return [at for piece in pieces for series in piece if series.metric == {"id": "a"} for at, _ in series.values]


async def ask_all(server, asked):
    async with new_session() as session:
        return await ask_range(session, server, asked)


@pytest.mark.parametrize(("most", "requests"), [(10, 1), (4, 2), (1, 6)])
def test_each_step_is_asked_for_once_in_pieces_that_prometheus_gives(prometheus_api, monkeypatch, most, requests):
    url, answers, asked = prometheus_api
    answers.append(every_step)
    monkeypatch.setattr(module, "MAX_STEPS", most)
    assert times(Server(f"{url}/base/", "sesame").read(SIX)) == [1000.0 + 10 * n for n in range(6)]
    assert [(path, login) for path, _, login in asked] == [("/base/api/v1/query_range", "Bearer sesame")] * requests
    assert times([asyncio.run(ask_all(Server(url), SIX))]) == [1000.0 + 10 * n for n in range(6)]


def test_an_answer_that_is_too_large_is_asked_for_in_halves(prometheus_api, monkeypatch):
    url, answers, asked = prometheus_api
    answers.append(every_step)
    monkeypatch.setattr(module, "MAX_ANSWER_BYTES", 240)
    assert times(Server(url).read(SIX)) == [1000.0 + 10 * n for n in range(6)]
    assert len(asked) > 2
    monkeypatch.setattr(module, "MAX_ANSWER_BYTES", 10)
    with pytest.raises(SourceError, match="for one step is larger"):
        list(Server(url).read(SIX))


@given(st.floats(0, 2e9), st.integers(1, 30_000), st.one_of(st.integers(1, 3600).map(float), st.floats(1, 3600)))
def test_the_steps_of_a_range_are_counted_whatever_their_length(start_s, steps, step_s):
    assert Asked("up", start_s, start_s + (steps - 1) * step_s, step_s).steps() == steps


def test_a_user_in_the_address_is_sent_and_not_shown(prometheus_api):
    url, answers, asked = prometheus_api
    answers += [every_step, (401, b"<h1>who\nare you?</h1>")]
    server = Server(url.replace("//", "//user:pw@"))
    assert len(list(server.read(SIX))) == 1
    assert asked[0][2] == "Basic dXNlcjpwdw=="
    with pytest.raises(SourceError) as caught:
        list(server.read(SIX))
    assert str(caught.value) == f"{url}: answered 401, but not as Prometheus does: '<h1>who are you?</h1>'"


SUCCESS = {"status": "success", "data": {"resultType": "matrix", "result": []}}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((400, {"status": "error", "error": "1:5: parse error"}), "refuses the query: 1:5: parse error"),
        ((302, b""), "answered 302, but not as Prometheus does"),
        ((502, b"<html>"), "answered 502, but not as Prometheus does: '<html>'"),
        ((200, b"[" * 100_000), "not as Prometheus does"),
        ((200, b'{"status": "\xff"}'), "not as Prometheus does"),
        ((200, {"status": "success"}), "refuses the query: status 'success'"),
        ((200, SUCCESS | {"warnings": ["a store is away"]}), "only a part of an answer: a store is away"),
        ((200, {"status": "success", "data": {"resultType": "vector", "result": []}}), "over time, got vector"),
    ],
)
def test_what_is_no_whole_answer_is_refused(prometheus_api, answer, words):
    url, answers, _ = prometheus_api
    answers.append(answer)
    with pytest.raises(SourceError, match=f"^{url}: .*{words}"):
        list(Server(url).read(SIX))


async def test_limits_of_steps_values_and_time(prometheus_api, monkeypatch):
    url, answers, asked = prometheus_api
    answers.append(every_step)
    with pytest.raises(SourceError, match="200000000 steps: expected at most 20000000; raise --step"):
        await ask_all(Server(url), SIX._replace(end_s=1000 + 2e9 - 10))
    assert asked == []
    monkeypatch.setattr(module, "MAX_VALUES", 6)
    with pytest.raises(SourceError, match="more than 6 values"):
        await ask_all(Server(url), SIX)
    monkeypatch.setattr(module, "TIMEOUT_S", 0.02)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(SourceError, match=r"within 0\.02 s"):
        await ask_all(Server(f"http://127.0.0.1:{silent.getsockname()[1]}"), SIX)


async def test_nobody_there_and_an_untrusted_certificate_are_said_in_words(certificates):
    with pytest.raises(SourceError, match=r"^http://127[.]0[.]0[.]1:1: Connection refused$"):
        await ask_all(Server("http://user:pw@127.0.0.1:1"), SIX)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificates("server"))
    served = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    port = served.sockets[0].getsockname()[1]
    with pytest.raises(SourceError, match="the certificate is not trusted: "):
        await ask_all(Server(f"https://127.0.0.1:{port}"), SIX)
    served.close()
