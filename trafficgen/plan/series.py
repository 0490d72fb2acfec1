"""The shape of one series of a Prometheus: `like:http://HOST:PORT/?query=...&start=...&end=...&step=60s`.

text -> what is asked -> answer -> shape. Only `fetch` does I/O: one request, before anything is sent. What is not a
rate for each step is refused: a gap that is filled in would be traffic that nobody has seen.
"""

import asyncio
import math
import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, NoReturn
from urllib.parse import unquote, urlsplit

from foundation.errors import ConfigError, in_words
from foundation.grammar import duration_s, format_duration, format_instant, instant
from foundation.promanswer import read_matrix
from foundation.secret import shown_url
from foundation.terminal import printable
from trafficgen.plan.shape import Shape
from trafficgen.units import MAX_DURATION_S, MAX_RATE_PER_S

MAX_STEPS = 11_000  # Prometheus's limit in one answer
TIMEOUT_S = 60.0
MAX_SAID = 300  # characters of another program's words
_API = "/api/v1/query_range"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EXAMPLE = (
    "'like:http://127.0.0.1:9090/?query=sum(rate(http_requests_total[1m]))"
    "&start=2026-11-01T00:00:00Z&end=2026-11-02T00:00:00Z&step=60s'"
)
_KNOWN = ("query", "start", "end", "step", "over")
_NUMBER = re.compile(r"[-+.0-9A-Za-z]+")  # Python also reads 1_0, and digits of other scripts
_UNCLEAR = re.compile(r"\+|%(?![0-9A-Fa-f]{2})")  # of a +, nobody can tell whether it is a blank


class Asked(NamedTuple):
    """The value of `query` at `start_ms` and every `step_ms` after it, before `end_ms`. Unix times."""

    url: str  # of the API; a user and a password may be in it
    shown: str  # what messages call it
    query: str
    start_ms: int
    end_ms: int
    step_ms: int
    over: str | None  # in how much time it is played

    @property
    def steps(self) -> int:
        """How many values."""
        return math.ceil((self.end_ms - self.start_ms) / self.step_ms)

    def parameters(self) -> dict[str, str]:
        """What the API is asked; as text of which no digit is lost, and with the last step as its (inclusive) end."""
        last_ms = self.start_ms + (self.steps - 1) * self.step_ms
        times = {"start": _instant(self.start_ms), "end": _instant(last_ms)}
        return {"query": self.query, **times, "step": f"{self.step_ms}ms"}

    def refuse(self, why: str) -> NoReturn:
        """Raise ConfigError."""
        raise _refusal(self.shown, why)


def is_url(source: str) -> bool:
    """Whether a shape comes from a server, and not from a file; also where `parse_asked` refuses the scheme."""
    return re.match(r"\s*[a-z][a-z0-9+.-]*://", source, re.IGNORECASE) is not None


def parse_asked(source: str) -> Asked:
    """What the URL asks for. Raises ConfigError, without user, password and query in its text."""
    shown = shown_url(source).partition("?")[0]
    try:
        parts = urlsplit(source)
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # its text may have a piece of the password
        valid = False
    if not valid:
        raise _refusal(shown, f"invalid URL; expected http:// or https:// and a host, for example {_EXAMPLE}")
    if "#" in source:
        raise _refusal(shown, "a # ends a URL; expected %23 for one in a query")
    given = _parameters(parts.query, shown)
    start_ms, end_ms = (_unix_ms(given[name], name, shown) for name in ("start", "end"))
    step_ms = _step_ms(given.get("step", "60s"), shown)
    path = parts.path.rstrip("/").removesuffix(_API)
    url = f"{parts.scheme}://{parts.netloc}{path}{_API}"
    asked = Asked(
        url=url,
        shown=shown,
        query=given["query"],
        start_ms=start_ms,
        end_ms=end_ms,
        step_ms=step_ms,
        over=given.get("over"),
    )
    if not 2 <= asked.steps <= MAX_STEPS:
        length_s = (end_ms - start_ms) / 1000
        covers = f"{length_s:g} s from start to end, which is {max(0, asked.steps):,} steps of {step_ms / 1000:g} s"
        wide = f", for example step={math.ceil(length_s / MAX_STEPS)}s" if asked.steps > MAX_STEPS else ""
        asked.refuse(f"{covers}; expected 2 to {MAX_STEPS:,}{wide}")
    return asked


def _parameters(text: str, shown: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in filter(None, text.split("&")):
        key, _, value = part.partition("=")
        if key not in _KNOWN:
            name = f" {key}" if re.fullmatch(r"[\w.]{1,60}", key) else ""  # not of a password that has a ? in it
            known = ", ".join(_KNOWN)
            raise _refusal(shown, f"unknown parameter{name}; known: {known} (a & in a query is written %26)")
        if key in found:
            raise _refusal(shown, f"duplicate {key}")
        if unclear := _UNCLEAR.search(value):
            raise _refusal(shown, f"{key}: {unclear[0]!r}; expected %2B for a plus, %25 for a percent, %20 for a blank")
        try:
            found[key] = unquote(value, errors="strict").strip()
        except UnicodeDecodeError as exc:
            raise _refusal(shown, f"{key}: expected UTF-8, percent-encoded") from exc
    for key in ("query", "start", "end"):
        if not found.get(key):
            raise _refusal(shown, f"{key}= is missing; expected {_EXAMPLE}")
    return found


def _unix_ms(text: str, name: str, shown: str) -> int:
    try:
        found, rest = divmod(instant(text) - _EPOCH, timedelta(milliseconds=1))
    except (ValueError, OverflowError) as exc:
        raise _refusal(shown, f"{name}: {exc}") from exc
    if rest:
        raise _refusal(shown, f"{name}: {text}: expected whole milliseconds")
    return found


def _step_ms(text: str, shown: str) -> int:
    try:
        step_ms = duration_s(text, least_s=0.001, most_s=MAX_DURATION_S) * 1000
    except ValueError as exc:
        raise _refusal(shown, f"step: {exc}") from exc
    if abs(step_ms - round(step_ms)) > 1e-6:
        raise _refusal(shown, f"step: {text}: expected whole milliseconds, for example 60s")
    return round(step_ms)


def fetch_shape(asked: Asked) -> Shape:
    """The shape of the one series that the server has for it; no event loop may be running. Raises ConfigError."""
    return shape_of_answer(asked, *asyncio.run(fetch(asked)))


async def fetch(asked: Asked) -> tuple[int, bytes]:
    """The status and the body of the answer, bounded in time and size. Raises ConfigError."""
    import aiohttp  # noqa: PLC0415, workers have the plan and ask nothing

    from trafficgen.fetch import AnswerTooLargeError, new_session, read_bytes  # noqa: PLC0415, likewise

    try:
        async with (
            new_session(TIMEOUT_S) as session,
            session.get(asked.url, params=asked.parameters(), allow_redirects=False) as response,
        ):
            if 300 <= response.status < 400:
                where = printable(shown_url(response.headers.get("Location", "nowhere")))[:MAX_SAID]
                asked.refuse(f"redirects to {where}; expected the address of Prometheus itself")
            return response.status, await read_bytes(response)
    except TimeoutError:
        asked.refuse(f"no whole answer within {format_duration(TIMEOUT_S)}")
    except AnswerTooLargeError as exc:
        asked.refuse(f"{exc}; expected one series, for example sum(...) of them")
    except (aiohttp.ClientError, OSError, ValueError) as exc:
        by_number = not isinstance(exc, aiohttp.ClientSSLError)  # the numbers of TLS are not the system's
        said = in_words(exc) if isinstance(exc, OSError) and by_number else str(exc)
        asked.refuse(printable(shown_url(said))[:MAX_SAID])


def shape_of_answer(asked: Asked, status: int, body: bytes) -> Shape:
    """The series in an answer, each value for the step that begins with it. Pure. Raises ConfigError."""
    try:
        found = read_matrix(status, body)
    except ValueError as exc:
        asked.refuse(printable(str(exc))[:MAX_SAID])
    if len(found) != 1:
        count = f"{len(found):,} series" if found else "no series"
        way = "sum(...) adds them up" if found else "do the query and the times fit?"
        asked.refuse(f"{count} in the answer; expected one ({way})")
    return Shape(
        tuple(_rates(asked, found[0].values)),
        asked.step_ms / 1000,
        (asked.end_ms - asked.start_ms) / 1000,
    )


def _rates(asked: Asked, values: list[tuple[float, str]]) -> list[float]:
    """The value of each step, from 0 to the highest rate that there is."""
    by_ms: dict[int, str] = {}
    for at_s, text in values:
        at_ms = round(at_s * 1000) if math.isfinite(at_s) else -1
        if by_ms.setdefault(at_ms, text) != text:
            asked.refuse(f"two values at {_instant(at_ms)}; expected one at each step")
    steps = [asked.start_ms + number * asked.step_ms for number in range(asked.steps)]
    if absent := [at_ms for at_ms in steps if at_ms not in by_ms]:
        asked.refuse(
            f"no value at {_instant(absent[0])} ({len(absent):,} of {len(steps):,} steps have none); expected one at "
            "each, for example QUERY or vector(0) where no series means no requests"
        )
    return [_rate(asked, at_ms, by_ms[at_ms]) for at_ms in steps]


def _rate(asked: Asked, at_ms: int, text: str) -> float:
    try:
        rate = float(text) if _NUMBER.fullmatch(text) else math.nan
    except ValueError:
        rate = math.nan
    if not 0 <= rate <= MAX_RATE_PER_S:
        asked.refuse(
            f"{printable(text)[:40]} at {_instant(at_ms)}; expected requests per second, "
            f"from 0 to {MAX_RATE_PER_S:,.0f}"
        )
    return rate


def _instant(unix_ms: int) -> str:
    return format_instant(_EPOCH + timedelta(milliseconds=unix_ms))


def _refusal(shown: str, why: str) -> ConfigError:
    return ConfigError(f"--pattern: like:{printable(shown)[:MAX_SAID]}: {why}")
