"""TLS, passwords and headers for the exporter's web side, from the same file format as Prometheus' exporter-toolkit.

```yaml
tls_server_config: {cert_file: server.crt, key_file: server.key, client_auth_type: NoClientCert, client_ca_file: ca.crt}
basic_auth_users: {alice: $2b$12$...}     # bcrypt
http_server_config: {headers: {X-Frame-Options: deny}}
```
The file is read again when it changes, so that a renewed certificate or a new password needs no restart.
"""

import asyncio
import base64
import binascii
import hashlib
import hmac
import logging
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Literal

import bcrypt
import msgspec
from aiohttp import web

from foundation.config import read_config
from foundation.errors import ConfigError

log = logging.getLogger(__name__)

_NOBODY = bcrypt.hashpw(b"nobody", bcrypt.gensalt(4))
_CACHE = 100
_HEADERS = (
    "Strict-Transport-Security",
    "X-Content-Type-Options",
    "X-Frame-Options",
    "X-XSS-Protection",
    "Content-Security-Policy",
    "Cache-Control",
)
_TLS_VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}


class TlsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How connections are encrypted and whether clients must show a certificate."""

    cert_file: str
    key_file: str
    client_auth_type: Literal["NoClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"] = "NoClientCert"
    client_ca_file: str | None = None
    min_version: Literal["TLS12", "TLS13"] = "TLS12"


class HttpConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Headers that every answer carries."""

    headers: dict[str, str] = {}


class WebConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The web configuration file."""

    tls_server_config: TlsConfig | None = None
    http_server_config: HttpConfig = HttpConfig()
    basic_auth_users: dict[str, str] = {}


class WebSecurity:
    """The rules of one web configuration file, kept up to date with it."""

    def __init__(self, path: Path | None, config: WebConfig) -> None:
        """Use `read`; this takes a configuration that was already read."""
        self._path = path
        self._config = config
        self._stamps = self._read_stamps()
        self._context: ssl.SSLContext | None = None
        self._known: dict[bytes, bool] = {}
        self._check(config)

    @classmethod
    def read(cls, path: Path | None) -> "WebSecurity":
        """The rules in `path`; none at all without one. Raises ConfigError."""
        return cls(path, read_config(path, WebConfig) if path else WebConfig())

    @property
    def tls(self) -> bool:
        """Whether connections are encrypted."""
        return self._config.tls_server_config is not None

    def ssl_context(self) -> ssl.SSLContext | None:
        """The TLS settings for the listening sockets; renewed certificates are loaded into the same object."""
        if self._config.tls_server_config is None:
            return None
        if self._context is None:
            self._context = self._new_context(self._config.tls_server_config)
        return self._context

    def protect(self, app: web.Application) -> None:
        """Let no request through to `app` that these rules forbid."""

        @web.middleware
        async def guard(
            request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
        ) -> web.StreamResponse:
            self._refresh()
            if self._config.basic_auth_users and not await self._allowed(request.headers.get("Authorization", "")):
                return web.Response(
                    status=401,
                    text="Unauthorized\n",
                    headers={"WWW-Authenticate": "Basic", **self._config.http_server_config.headers},
                )
            return await handler(request)

        async def add_headers(_: web.Request, response: web.StreamResponse) -> None:
            response.headers.update(self._config.http_server_config.headers)

        app.middlewares.append(guard)
        app.on_response_prepare.append(add_headers)

    async def _allowed(self, header: str) -> bool:
        scheme, _, packed = header.partition(" ")
        try:
            user, _, password = base64.b64decode(packed, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return False
        if scheme.lower() != "basic":
            return False
        hashed = self._config.basic_auth_users.get(user, "").encode() or _NOBODY
        key = hashlib.sha256(hashed + b"\0" + user.encode() + b"\0" + password.encode()).digest()
        if key not in self._known:  # bcrypt is slow on purpose; an answer is kept, as the toolkit does
            if len(self._known) >= _CACHE:
                self._known.clear()
            # an unknown user costs as much time as a wrong password
            self._known[key] = await asyncio.to_thread(_matches, password, hashed) and hashed != _NOBODY
        return self._known[key]

    def _refresh(self) -> None:
        stamps = self._read_stamps()
        if self._path is None or stamps == self._stamps:
            return
        self._stamps = stamps
        try:
            config = read_config(self._path, WebConfig)
            self._check(config)
            if config.tls_server_config and self._context:
                self._load(self._context, config.tls_server_config)
        except ConfigError as exc:
            log.error("the old web configuration stays: %s", exc)  # noqa: TRY400, the text says all
            return
        self._config = config
        self._known.clear()

    def _read_stamps(self) -> list[tuple[int, int, int]]:
        tls = self._config.tls_server_config
        return [_stamp(self._path), *((_stamp(Path(f)) for f in (tls.cert_file, tls.key_file)) if tls else ())]

    def _check(self, config: WebConfig) -> None:
        if unknown := set(config.http_server_config.headers) - set(_HEADERS):
            raise ConfigError(
                f"{self._path}: $.http_server_config.headers: {min(unknown)} cannot be set; {', '.join(_HEADERS)} can"
            )
        for user, hashed in config.basic_auth_users.items():
            if not hashed.startswith(("$2a$", "$2b$", "$2y$")):
                raise ConfigError(
                    f"{self._path}: $.basic_auth_users.{user}: not a bcrypt hash; htpasswd -nBC 12 '' makes one"
                )
        tls = config.tls_server_config
        if tls and tls.client_auth_type != "NoClientCert" and not tls.client_ca_file:
            raise ConfigError(f"{self._path}: $.tls_server_config: {tls.client_auth_type} needs client_ca_file")
        if tls:
            self._new_context(tls)

    def _new_context(self, tls: TlsConfig) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._load(context, tls)
        return context

    def _load(self, context: ssl.SSLContext, tls: TlsConfig) -> None:
        try:
            context.load_cert_chain(tls.cert_file, tls.key_file)
            if tls.client_ca_file:
                context.load_verify_locations(tls.client_ca_file)
        except (OSError, ssl.SSLError) as exc:
            raise ConfigError(f"{self._path}: $.tls_server_config: {tls.cert_file}, {tls.key_file}: {exc}") from exc
        context.minimum_version = _TLS_VERSIONS[tls.min_version]
        modes = {"NoClientCert": ssl.CERT_NONE, "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL}
        context.verify_mode = modes.get(tls.client_auth_type, ssl.CERT_REQUIRED)


def _matches(password: str, hashed: bytes) -> bool:
    try:
        return hmac.compare_digest(bcrypt.hashpw(password.encode(), hashed), hashed)
    except ValueError:  # a NUL in the password, or a damaged hash
        return False


def _stamp(path: Path | None) -> tuple[int, int, int]:
    """What changes when a file does; zeros where there is none."""
    try:
        found = path.stat() if path else None
    except OSError:
        found = None
    return (found.st_ino, found.st_size, found.st_mtime_ns) if found else (0, 0, 0)
