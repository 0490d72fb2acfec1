"""What becomes of a request, by the receiver's answer."""

from email.utils import formatdate

import pytest

from exporter.push.answers import LONGEST_RETRY_AFTER_S, REASONS, Answer, judge, retry_after_s

NOW = 1_793_491_200.0


def verdict(status, *, otlp=False, body=b"", **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return judge(Answer(status, named, body), otlp=otlp, now_s=NOW)


@pytest.mark.parametrize(
    ("status", "remote_write", "otlp", "reason"),
    [
        (200, "sent", "sent", ""),
        (204, "sent", "sent", ""),
        (301, "reject", "reject", "status_3xx"),
        (308, "reject", "reject", "status_3xx"),
        (400, "reject", "reject", "status_4xx"),
        (401, "reject", "reject", "status_4xx"),
        (404, "reject", "reject", "status_4xx"),
        (413, "reject", "reject", "status_4xx"),
        (429, "retry", "retry", "status_429"),
        (500, "retry", "reject", "status_5xx"),
        (501, "retry", "reject", "status_5xx"),
        (502, "retry", "retry", "status_5xx"),
        (503, "retry", "retry", "status_5xx"),
        (504, "retry", "retry", "status_5xx"),
        (599, "retry", "reject", "status_5xx"),
        (999, "reject", "reject", "answer"),
    ],
)
def test_a_status(status, remote_write, otlp, reason):
    assert [verdict(status, otlp=protocol)[:2] for protocol in (False, True)] == [
        (remote_write, reason),
        (otlp, reason),
    ]
    assert reason in ("", *REASONS)


def test_a_web_page_is_no_receiver():
    found = verdict(200, Content_Type="text/html; charset=utf-8", body=b"<html>Sign in</html>")
    assert found[:3] == ("reject", "answer", "answered 200 with a web page: this is not a receiver of samples")


@pytest.mark.parametrize(
    ("status", "body", "headers", "text"),
    [
        (400, b"out of order\n sample", {}, "answered 400 Bad Request: out of order sample"),
        (400, b"", {}, "answered 400 Bad Request"),
        (404, b"<h1>no</h1>", {"Content_Type": "text/html"}, "answered 404 Not Found"),
        (503, b"x" * 5000, {}, f"answered 503 Service Unavailable: {'x' * 200}"),
        (
            302,
            b"",
            {"Location": "http://u:secret@127.0.0.1/?token=hidden"},
            "answered 302 Found to http://127.0.0.1/?token=...; redirects are not followed",
        ),
        (799, b"\xff", {}, "answered 799: \ufffd"),
    ],
    ids=["words", "none", "page", "long", "redirect", "unknown"],
)
def test_what_is_logged(status, body, headers, text):
    assert verdict(status, body=body, **headers).text == text


@pytest.mark.parametrize(
    ("value", "want"),
    [
        ("", 0.0),
        ("7", 7.0),
        (" 7 ", 7.0),
        ("7.5", 0.0),
        ("-7", 0.0),
        ("\u0663", 0.0),
        ("9" * 4000, LONGEST_RETRY_AFTER_S),
        (formatdate(NOW + 20, usegmt=True), 20.0),
        (formatdate(NOW - 20, usegmt=True), 0.0),
        (formatdate(NOW + 86_400, usegmt=True), LONGEST_RETRY_AFTER_S),
        ("Sun, 01 Nov 2026 00:00:20", 20.0),
        ("Sun, 99 Nov 2026 00:00:20 GMT", 0.0),
        ("Sun, 01 Nov 99999 00:00:20 GMT", 0.0),
        (f"Sun, 01 Nov {'9' * 20} 00:00:20 GMT", 0.0),
        (f"Sun, 01 Nov 2026 00:00:20 +{'9' * 20}", 0.0),
        ("soon", 0.0),
    ],
)
def test_a_pause_that_is_asked_for(value, want):
    assert retry_after_s(value, NOW) == want
    assert verdict(503, Retry_After=value).after_s == want
