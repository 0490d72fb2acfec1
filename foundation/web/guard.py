"""One server's guard: which requests are answered, and the headers of every answer."""

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from contextlib import AsyncExitStack
from typing import NamedTuple
from urllib.parse import urlsplit

from aiohttp import HttpVersion10, web
from multidict import CIMultiDict

from foundation.grammar import Address
from foundation.listen import SHUTDOWN_S, Problem, connections, plain_problem, serve
from foundation.terminal import printable
from foundation.web.config import RateLimit
from foundation.web.headers import for_answers
from foundation.web.passwords import TooBusyError, read_basic
from foundation.web.policy import WebPolicy
from foundation.web.sites import FORM_TYPES, READING, Hosts, from_elsewhere, is_embedded

_MAX_SHOWN_CHARS = 100


class Refusal(NamedTuple):
    """Why a request is not answered; `reason` is one of REASONS."""

    reason: str
    status: int
    text: str
    headers: Mapping[str, str] = {}


_LOG_IN = Refusal("login", 401, "Unauthorized", {"WWW-Authenticate": 'Basic realm="tidewatch", charset="UTF-8"'})
_BUSY = Refusal("busy", 503, "too many passwords are waiting to be checked", {"Retry-After": "1"})
_NAME = Refusal("host", 421, "not served under this name; --web.allowed-host or `allowed_hosts` adds one")
_NO_NAME = Refusal("host", 400, "an HTTP/1.1 request needs a Host header")
_ELSEWHERE = Refusal("site", 403, "requests from pages of other sites are not allowed")
_RATE = Refusal("rate", 429, "more requests than `rate_limit` of the web configuration allows", {"Retry-After": "1"})


class Guard:
    """Enforces a policy on one server."""

    def __init__(
        self,
        policy: WebPolicy,
        *,
        hosts: Iterable[str] = (),
        acting: frozenset[str] = frozenset(),
        asks: Mapping[str, str] | None = None,
        own_login: frozenset[str] = frozenset(),
        problem: Problem = plain_problem,
    ) -> None:
        """The properties of the server.

        Args:
            policy: The rules.
            hosts: The names or addresses that the server listens on.
            acting: Paths whose GET changes something.
            asks: Paths that take no type of a form, and what they ask for instead.
            own_login: Paths that ask for a token of their own, in place of a user.
            problem: Makes the answers that refuse.
        """
        self._policy = policy
        self._own_hosts, self._acting, self._asks, self._own_login = tuple(hosts), acting, asks or {}, own_login
        self._problem = problem
        self._adopt()

    def _adopt(self) -> None:
        self._rules = self._policy.rules
        config = self._rules.config
        self._hosts = Hosts((*self._policy.hosts, *self._own_hosts))
        self._defaults, self._forced = for_answers(config.http_server_config.headers)
        self._prepared: dict[str, CIMultiDict[str]] = {}
        self._bucket = _Bucket(config.rate_limit) if config.rate_limit.interval_s else None

    def protect(self, app: web.Application) -> None:
        """Let no request through to `app` that is refused, and give every answer its headers."""

        @web.middleware
        async def check(
            request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
        ) -> web.StreamResponse:
            """Answer with a refusal, or hand the request on."""
            refusal = self.refusal(request) or await self.login(request)
            return await handler(request) if refusal is None else self.answer(refusal, request)

        async def finish(_: web.Request, response: web.StreamResponse) -> None:
            """Add the site's headers to a response."""
            self.finish(response.headers)

        app.middlewares.insert(0, check)
        app.on_response_prepare.append(finish)

    async def serve(
        self,
        app: web.Application | web.Server,
        address: tuple[str, int],
        stack: AsyncExitStack,
        *,
        shutdown_s: float = SHUTDOWN_S,
    ) -> Address:
        """Serve `app`, which asks this guard, as `foundation.listen.serve` does. Raises SourceError."""
        ssl_context = self._policy.ssl_context
        return await serve(app, address, stack, problem=self.problem, ssl_context=ssl_context, shutdown_s=shutdown_s)

    def refusal(self, request: web.BaseRequest) -> Refusal | None:
        """Why a request is refused, for any client."""
        if self._policy.rules is not self._rules:
            self._adopt()
        if self._bucket is not None and not self._bucket.take():
            return _RATE
        headers = request.headers
        host = headers.get("Host")
        if host is None and request.version > HttpVersion10:
            return _NO_NAME
        if (host is not None and host not in self._hosts) or not self._names_us(request.raw_path):
            return _NAME
        reading = request.method in READING
        if reading and not (self._acting and request.path in self._acting):
            return _ELSEWHERE if is_embedded(headers) else None
        if from_elsewhere(headers, host or ""):
            return _ELSEWHERE
        if not reading and request.content_type in FORM_TYPES and (wanted := self._asks.get(request.path)):
            return Refusal("type", 415, f"a body of {request.content_type} is not taken: send {wanted}")
        return None

    def _names_us(self, target: str) -> bool:
        """Whether a request's target is a path, or a whole URL of this server."""
        return target[:1] == "/" or "://" not in target or urlsplit(target).netloc in self._hosts

    @property
    def asks_users(self) -> bool:
        """Whether `login` has anything to check."""
        return bool(self._rules.config.basic_auth_users)

    async def login(self, request: web.BaseRequest) -> Refusal | None:
        """Why a request is refused to its sender."""
        users = self._rules.config.basic_auth_users
        if not users or (self._own_login and request.path in self._own_login):
            return None
        given = read_basic(request.headers.get("Authorization", ""))
        if given is None:
            return _LOG_IN
        passwords = self._policy.passwords
        if passwords.knows(users, *given):
            return None
        self._policy.refresh()  # it may be a new password
        users = self._policy.rules.config.basic_auth_users
        try:
            right = not users or await passwords.check(users, *given, sender=request.remote or "")
        except TooBusyError:
            return _BUSY
        return None if right else _LOG_IN

    def answer(self, refusal: Refusal, request: web.BaseRequest) -> web.Response:
        """The answer that refuses, and its count; once a minute also a line in the log."""
        self._policy.refused[refusal.reason] += 1
        asked = printable(request.headers.get("Host", ""))[:_MAX_SHOWN_CHARS]
        connections().complaints.add(f"a request refused: {refusal.text}", f"from {request.remote} to {asked}")
        response = self.problem(refusal.status, refusal.text)
        response.headers.update(refusal.headers)
        return response

    def finish(self, headers: MutableMapping[str, str]) -> None:
        """Add the headers of every answer."""
        for name, value in self._defaults.items():
            headers.setdefault(name, value)
        headers.update(self._forced)

    def headers_for(self, content_type: str) -> CIMultiDict[str]:
        """The same for a new answer of this type: quicker, where every microsecond counts."""
        found = self._prepared.get(content_type)
        if found is None:
            found = CIMultiDict({"Content-Type": content_type} | self._defaults | self._forced)
            self._prepared[content_type] = found
        return found.copy()

    def problem(self, status: int, text: str) -> web.Response:
        """The server's own answer to what reaches no handler, with the headers of every answer."""
        response = self._problem(status, text)
        self.finish(response.headers)
        return response


class _Bucket:
    """Lets one through each interval, and `burst` at once after a pause."""

    def __init__(self, limit: RateLimit) -> None:
        self._interval_s, self._burst = limit.interval_s, limit.burst
        self._left, self._then_s = float(limit.burst), time.monotonic()

    def take(self) -> bool:
        """Whether one more may pass now."""
        now_s = time.monotonic()
        self._left = min(self._burst, self._left + (now_s - self._then_s) / self._interval_s)
        self._then_s = now_s
        if self._left < 1:
            return False
        self._left -= 1
        return True
