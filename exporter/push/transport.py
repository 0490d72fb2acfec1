"""One receiver's HTTP client: headers, secrets from files, TLS, answers read within bounds of time and size.

Files of secrets and certificates are read again when they change, so that neither needs a restart.
"""

import asyncio
import base64
import ssl
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import aiohttp

from exporter.push.answers import Answer, Verdict
from exporter.push.settings import Receiver, Tls, check_headers
from exporter.sources.http import new_session, read_bounded, trouble
from foundation.errors import ConfigError, InputError, in_words
from foundation.regular import read_start
from foundation.secret import read_secret, warn_if_others_read

MAX_ANSWER_BYTES = 64 << 10
MAX_HEADERS_BYTES = 16 << 10
_VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}


class _Stamp(NamedTuple):
    """A value that changes when a file is written again."""

    inode: int
    size: int
    changed_ns: int


class Transport:
    """Sends bodies to one receiver."""

    def __init__(self, receiver: Receiver, headers: dict[str, str]) -> None:
        """`headers`: of the protocol. Raises ConfigError where a file of a secret or a certificate cannot be used."""
        self._receiver = receiver
        self._headers = headers
        self._session: aiohttp.ClientSession | None = None
        self._context: ssl.SSLContext | None = None
        self._stamps: list[_Stamp] | None = None
        self._secret_headers()
        self._tls()

    async def close(self) -> None:
        """Close the connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def post(self, body: bytes) -> Answer | Verdict:
        """The receiver's answer, or the verdict without one."""
        try:
            secret = self._secret_headers()
            context = self._tls()
        except ConfigError as exc:
            return Verdict("retry", "secret", str(exc))
        if self._session is None:
            self._session = new_session()
        try:
            async with (
                asyncio.timeout(self._receiver.remote_timeout_s),
                self._session.post(
                    self._receiver.address,
                    data=body,
                    headers={**self._headers, **self._receiver.headers, **secret},
                    allow_redirects=False,
                    ssl=context or True,
                    proxy=self._receiver.proxy_url,
                    server_hostname=self._receiver.tls_config.server_name,
                ) as response,
            ):
                content = await read_bounded(response.content, MAX_ANSWER_BYTES)
                return Answer(response.status, response.headers, _without(secret.values(), content or b""))
        except TimeoutError:
            return Verdict("retry", "timeout", f"no whole answer within {self._receiver.remote_timeout_s:g} s")
        except (aiohttp.ClientError, OSError, ValueError) as exc:  # ValueError: aiohttp's error for broken answers
            is_tls = isinstance(exc, aiohttp.ClientSSLError | ssl.SSLError)
            return Verdict("retry", "tls" if is_tls else "unreachable", trouble(exc))

    def _secret_headers(self) -> dict[str, str]:
        """Headers from files, read again for each request. Raises ConfigError."""
        receiver = self._receiver
        headers = read_headers(Path(receiver.headers_file)) if receiver.headers_file else {}
        if receiver.bearer_token_file:
            headers["Authorization"] = f"Bearer {read_secret(Path(receiver.bearer_token_file))}"
        if receiver.basic_auth:
            pair = f"{receiver.basic_auth.username}:{read_secret(Path(receiver.basic_auth.password_file))}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        return headers

    def _tls(self) -> ssl.SSLContext | None:
        """The context, created again when one of its files has changed. Raises ConfigError."""
        tls = self._receiver.tls_config
        if tls == Tls():
            return None
        stamps = [_stamp(path) for path in (tls.ca_file, tls.cert_file, tls.key_file) if path]
        if self._context is None or stamps != self._stamps:
            self._context, self._stamps = new_context(tls), stamps
        return self._context


def read_headers(path: Path) -> dict[str, str]:
    """Headers in a file, one `Name: value` a line. Raises ConfigError that shows no value."""
    try:
        lines = read_start(path, MAX_HEADERS_BYTES + 1).decode("ascii").splitlines()
    except OSError as exc:
        raise InputError(f"{path}: {in_words(exc)}") from exc
    except UnicodeDecodeError as exc:
        raise ConfigError(f"{path}: expected ASCII text") from exc
    headers: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        name, colon, value = line.partition(":")
        if not line.strip():
            continue
        if not colon or number > 100:
            raise ConfigError(f"{path}:{number}: expected at most 100 lines of the form `Name: value`")
        headers[name.strip()] = value.strip()
    try:
        check_headers(headers.items())
    except ValueError as exc:
        raise ConfigError(f"{path}: {exc}") from exc
    warn_if_others_read(path)
    return headers


def new_context(tls: Tls) -> ssl.SSLContext:
    """A client's context. Raises ConfigError that begins with the key that is wrong."""

    def refuse() -> str:
        """Refuse a key that needs a passphrase. Raises ConfigError."""
        raise ConfigError("key_file: encrypted: expected a key without a passphrase")

    try:
        context = ssl.create_default_context(cafile=tls.ca_file)
    except (ssl.SSLError, OSError) as exc:
        raise ConfigError(f"ca_file: {tls.ca_file}: {_words(exc, 'expected certificates as PEM')}") from exc
    if tls.cert_file and tls.key_file:
        try:
            context.load_cert_chain(tls.cert_file, tls.key_file, password=refuse)
        except (ssl.SSLError, OSError) as exc:
            words = _words(exc, "expected a certificate and its key as PEM")
            raise ConfigError(f"cert_file, key_file: {tls.cert_file}, {tls.key_file}: {words}") from exc
        warn_if_others_read(Path(tls.key_file))
    context.minimum_version = _VERSIONS[tls.min_version]
    if tls.insecure_skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _words(exc: Exception, expected: str) -> str:
    return in_words(exc) if isinstance(exc, OSError) and not isinstance(exc, ssl.SSLError) else expected


def _without(secrets: Iterable[str], content: bytes) -> bytes:
    """An answer without secrets, for the log: a receiver may repeat what it was sent."""
    for secret in secrets:
        content = content.replace(secret.rpartition(" ")[2].encode(), b"...")
    return content


def _stamp(path: str) -> _Stamp:
    try:
        found = Path(path).stat()
    except OSError:
        return _Stamp(0, 0, 0)  # whoever reads it says so
    return _Stamp(found.st_ino, found.st_size, found.st_ctime_ns)
