"""One stats page for the collector: requests with a session, a time limit over all, and a few attempts."""

import time
from collections.abc import Callable

import requests
from urllib3.exceptions import HTTPError

from exporter.sources.address import MAX_PAGE_BYTES, user_agent
from exporter.stats.collector.access import Access
from exporter.stats.parse import Stats, parse_stats
from foundation.errors import BadRecord, ConfigError, SourceError

NOTHING_SHOWN = Access()
PAUSES_S = (0.1, 0.4)  # before the second and the third attempt


class StatsPage:
    """Reads the page at `url`; keeps the connection between readings. Close it when done."""

    def __init__(
        self,
        url: str,
        *,
        timeout_s: float,
        monotonic: Callable[[], float] = time.monotonic,
        pause: Callable[[float], object] = time.sleep,
        access: Access = NOTHING_SHOWN,
    ) -> None:
        """`timeout_s` is for one reading with all its attempts; `pause` waits between them."""
        self._access = access
        self._url = url
        self._timeout_s = timeout_s
        self._monotonic = monotonic
        self._pause = pause
        self._session = requests.Session()
        self._session.trust_env = False  # a proxy or a .netrc of the environment would change what is measured
        access.apply(self._session)
        self._session.headers.update({"User-Agent": user_agent(), "Accept": "text/plain, application/json;q=0.9"})

    def read(self) -> Stats:
        """The page's numbers by name. Raises SourceError when it can't be had in time, BadRecord when it says none."""
        deadline_s = self._monotonic() + self._timeout_s
        for pause_s in PAUSES_S:
            try:
                return parse_stats(self._get(deadline_s))
            except SourceError:
                if self._monotonic() + pause_s >= deadline_s:
                    raise
                self._pause(pause_s)
        return parse_stats(self._get(deadline_s))

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    def _get(self, deadline_s: float) -> bytes:
        left_s = max(0.001, deadline_s - self._monotonic())
        try:
            headers = self._access.headers()
            with self._session.get(
                self._url, timeout=left_s, allow_redirects=False, stream=True, headers=headers
            ) as response:
                if response.status_code != requests.codes.ok:
                    raise SourceError(f"answered {response.status_code} instead of 200")
                return self._read_bounded(response, deadline_s)
        except ConfigError as exc:  # the file of the token
            raise SourceError(str(exc)) from exc
        except requests.Timeout as exc:
            raise SourceError(f"no whole answer within {self._timeout_s:g} s") from exc
        except requests.ConnectionError as exc:
            raise SourceError(_in_words(exc)) from exc
        except (OSError, HTTPError, ValueError) as exc:  # requests lets some of them through; its own are OSErrors
            raise SourceError(f"the answer cannot be read: {' '.join(str(exc).split())}") from exc

    def _read_bounded(self, response: requests.Response, deadline_s: float) -> bytes:
        body = b""
        for chunk in response.iter_content(1 << 16):
            body += chunk
            if len(body) > MAX_PAGE_BYTES:
                raise BadRecord("too_large", f"the page is larger than {MAX_PAGE_BYTES} bytes")
            if self._monotonic() >= deadline_s:
                raise SourceError(f"no whole answer within {self._timeout_s:g} s")
        return body


def _in_words(exc: BaseException) -> str:
    """The operating system's word for it, from under the layers that wrapped it."""
    cause: BaseException | None = exc
    for _ in range(10):
        if cause is None:
            break
        if isinstance(cause, OSError) and cause.strerror and not isinstance(cause, requests.RequestException):
            return cause.strerror
        inner = cause.args[0] if cause.args and isinstance(cause.args[0], BaseException) else None
        cause = getattr(cause, "reason", None) or cause.__cause__ or cause.__context__ or inner
    return "the connection was closed"
