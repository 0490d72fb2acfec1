"""The meaning of a receiver's answer: sent, send again, rejected. Pure.

Both protocols agree on most of it. They differ in the 5xx: remote write sends after any of them again, OTLP only after
502, 503 and 504 (its specification, "Retryable Response Codes").
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Literal, NamedTuple

from foundation.secret import shown_url

SHOWN_CHARS = 200
"""Maximum length of a receiver's message in the log."""

LONGEST_RETRY_AFTER_S = 300.0
"""A receiver that requests a longer pause gets this one: waiting samples would become too old."""

REASONS = (
    *("unreachable", "timeout", "tls", "secret"),
    *("status_3xx", "status_4xx", "status_429", "status_5xx", "answer", "partial"),
)
"""Why a request failed: no connection or a broken one, no whole answer in time, a certificate, a file of a secret that
cannot be read, the status of the answer, an answer outside the protocol, rejected samples."""

RETRIED_BY_OTLP = (429, 502, 503, 504)


class Answer(NamedTuple):
    """A whole answer."""

    status: int
    headers: Mapping[str, str]  # names in any case
    body: bytes


class Verdict(NamedTuple):
    """The verdict on a request. `reason` is empty if all of it was sent, `text` is for the log."""

    then: Literal["sent", "retry", "reject"]
    reason: str = ""
    text: str = ""
    after_s: float = 0.0  # the least pause before it is sent again
    rejected: int = 0  # samples of it that the receiver rejected


def judge(answer: Answer, *, otlp: bool, now_s: float) -> Verdict:
    """The meaning of a status; `otlp.partial_success` reads the body of a 2xx of OTLP. `now_s`: Unix time."""
    status = answer.status
    kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if 200 <= status < 300:
        if kind == "text/html":
            return Verdict("reject", "answer", f"answered {status} with a web page: this is not a receiver of samples")
        return Verdict("sent")
    text = f"answered {_status(status)}{_said(answer, kind)}"
    if 300 <= status < 400:
        to = f" to {shown_url(answer.headers['Location'])}" if "Location" in answer.headers else ""
        return Verdict("reject", "status_3xx", f"{text}{to}; redirects are not followed")
    reason = "status_429" if status == 429 else f"status_{status // 100}xx"
    if reason not in REASONS:
        return Verdict("reject", "answer", text)
    if status in RETRIED_BY_OTLP or (500 <= status < 600 and not otlp):
        return Verdict("retry", reason, text, after_s=retry_after_s(answer.headers.get("Retry-After", ""), now_s))
    return Verdict("reject", reason, text)


def retry_after_s(value: str, now_s: float) -> float:
    """The pause in a Retry-After, in seconds or as a date; 0 if it is neither."""
    text = value.strip()
    if text.isascii() and text.isdecimal():
        asked = float(text[:10])
    else:
        try:
            until = parsedate_to_datetime(text)
        except (ValueError, OverflowError):  # OverflowError: a number of many digits
            return 0.0
        until = until if until.tzinfo else until.replace(tzinfo=UTC)
        asked = (until - datetime.fromtimestamp(now_s, UTC)).total_seconds()
    return min(max(asked, 0.0), LONGEST_RETRY_AFTER_S)


def _status(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _said(answer: Answer, kind: str) -> str:
    if not answer.body or kind in ("text/html", "application/x-protobuf"):
        return ""
    return f": {' '.join(answer.body[: 4 * SHOWN_CHARS].decode('utf-8', 'replace').split())[:SHOWN_CHARS]}"
