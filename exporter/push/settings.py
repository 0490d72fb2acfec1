"""The configuration of a receiver, an item of `remote_write:` or `otlp:`. Keys are named as Prometheus names them."""

import re
from collections.abc import Iterable
from typing import Annotated, ClassVar, Literal
from urllib.parse import urlsplit

import msgspec

from exporter.sources.address import check_url
from foundation.keys import Name, duration, size
from foundation.loopback import is_loopback

JOB = "exporter"
"""As in the scrape configuration for Tidewatch's rules and boards."""

_LABEL = re.compile(r"(?!__)[A-Za-z_][A-Za-z0-9_]*")
_TAKEN = frozenset({"job", "instance", "le", "quantile"})
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_OWN_HEADERS = frozenset(
    {
        *("host", "user-agent", "content-type", "content-encoding", "content-length", "accept-encoding"),
        *("connection", "transfer-encoding", "te", "trailer", "upgrade", "x-prometheus-remote-write-version"),
    }
)


class Queue(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Limits of the queue while a receiver accepts nothing. Raises ValueError where no two requests fit.

    capacity: samples that may wait.
    max_bytes: size of the requests that may wait.
    max_samples_per_send: samples in one request.
    sample_age_limit_s: older samples are dropped: Prometheus refuses samples that are an hour older than what it has.
    min_backoff_s: the first pause before a request is sent again.
    max_backoff_s: the longest pause before a request is sent again.
    """

    capacity: Annotated[int, msgspec.Meta(ge=100, le=100_000_000)] = 1_000_000
    max_bytes: Annotated[int, size(least_bytes=64 << 10, most_bytes=16 << 30)] = 32 << 20
    max_samples_per_send: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 2000
    sample_age_limit_s: Annotated[float, duration(most_s=30 * 86_400)] = msgspec.field(
        name="sample_age_limit",
        default=50 * 60.0,  # Prometheus takes nothing that is an hour older than what it has
    )
    min_backoff_s: Annotated[float, duration(most_s=3600)] = msgspec.field(name="min_backoff", default=0.03)
    max_backoff_s: Annotated[float, duration(most_s=3600)] = msgspec.field(name="max_backoff", default=5.0)

    def __post_init__(self) -> None:
        if self.capacity < 2 * self.max_samples_per_send:
            raise ValueError(f"capacity: expected at least twice max_samples_per_send, {2 * self.max_samples_per_send}")
        if self.max_backoff_s < self.min_backoff_s:
            raise ValueError("max_backoff: expected at least min_backoff")


class BasicAuth(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A user with the password in a file. Raises ValueError for a name that no header can carry.

    username: the user.
    password_file: the file with the password.
    """

    username: Annotated[str, msgspec.Meta(min_length=1)]
    password_file: str

    def __post_init__(self) -> None:
        if ":" in self.username or not self.username.isprintable():
            raise ValueError("username: expected printable text without a colon")


class Tls(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """TLS to the receiver. Raises ValueError for half a pair.

    ca_file: the certificates that are trusted; by default the system's.
    cert_file: the exporter's own certificate, with key_file.
    key_file: the key of the exporter's own certificate.
    server_name: the name that the receiver's certificate must have, if not that of the address.
    insecure_skip_verify: whether any certificate is accepted.
    min_version: the lowest version of TLS.
    """

    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    server_name: str | None = None
    insecure_skip_verify: bool = False
    min_version: Literal["TLS12", "TLS13"] = "TLS12"

    def __post_init__(self) -> None:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("give both cert_file and key_file, or neither")


class Receiver(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The common keys of both kinds. Raises ValueError for invalid values.

    address_key: the key of the address, which differs by kind.
    name: the label `receiver` in metrics, and the name in logs; each receiver needs its own. By default host and port.
    interval_s: time between collections; due at start + n x interval.
    remote_timeout_s: time for one request.
    flush_deadline_s: time for delivering what waits when the exporter stops.
    job: the label job of every series; the rules and boards ask for job `exporter`.
    instance: the label instance of every series; by default the host's name and the port that is listened on.
    headers: further headers, such as `X-Scope-OrgID`.
    headers_file: the file of further headers that are secret, one `Name: value` per line.
    bearer_token_file: the file with a bearer token.
    basic_auth: a user and a password.
    tls_config: TLS to the receiver.
    proxy_url: an HTTP proxy; those that the environment names are not used.
    queue_config: limits of the queue while the receiver accepts nothing.
    """

    address_key: ClassVar[str]
    name: Name | None = None
    interval_s: Annotated[float, duration(least_s=0.1, most_s=3600)] = msgspec.field(name="interval", default=15.0)
    remote_timeout_s: Annotated[float, duration(most_s=300)] = msgspec.field(name="remote_timeout", default=30.0)
    flush_deadline_s: Annotated[float, duration(most_s=60, zero=True)] = msgspec.field(
        name="flush_deadline", default=5.0
    )
    job: Annotated[str, msgspec.Meta(min_length=1)] = JOB
    instance: Annotated[str, msgspec.Meta(min_length=1)] | None = None
    headers: dict[str, str] = {}
    headers_file: str | None = None
    bearer_token_file: str | None = None
    basic_auth: BasicAuth | None = None
    tls_config: Tls = Tls()
    proxy_url: str | None = None
    queue_config: Queue = Queue()

    def __post_init__(self) -> None:
        check_url(self.address)
        if self.proxy_url is not None:
            check_url(self.proxy_url)
        if "#" in self.address:
            raise ValueError(f"{self.address_key}: expected no # part")
        if self.bearer_token_file and self.basic_auth:
            raise ValueError("give either bearer_token_file or basic_auth")
        if self.tls_config != Tls() and not self.address.lower().startswith("https:"):
            raise ValueError(f"tls_config: expected {self.address_key} to begin with https://")
        check_headers(self.headers.items())
        if secret := next((name for name in self.headers if name.lower() == "authorization"), None):
            raise ValueError(
                f"headers: {secret} is a secret: put it in a file, by bearer_token_file, basic_auth or headers_file"
            )

    @property
    def address(self) -> str:
        """Where requests go."""
        address: str = getattr(self, self.address_key)
        return address

    @property
    def shows_secrets_to_all(self) -> bool:
        """Whether its secrets would cross a network unencrypted."""
        has_one = self.bearer_token_file or self.basic_auth or self.headers_file
        parts = urlsplit(self.address)
        return bool(has_one) and parts.scheme.lower() == "http" and not is_loopback(parts.hostname or "")

    @property
    def title(self) -> str:
        """The receiver's name in metrics and logs: its name, or else host and port."""
        return self.name or urlsplit(self.address).netloc


class RemoteWrite(Receiver, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A receiver of Prometheus' remote write. Raises ValueError.

    url: where requests go, the whole path.
    external_labels: further labels of every series; a series' own label of that name stays.
    """

    address_key: ClassVar[str] = "url"
    url: str
    external_labels: dict[str, str] = {}

    def __post_init__(self) -> None:
        super().__post_init__()
        for label in self.external_labels:
            if label in _TAKEN or not _LABEL.fullmatch(label):
                instead = f"; use the key {label} instead" if label in ("job", "instance") else ""
                raise ValueError(f"external_labels: invalid name {label!r}: expected for example site{instead}")


class Otlp(Receiver, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A receiver of OTLP over HTTP. Raises ValueError.

    endpoint: where requests go, the whole path.
    resource_attributes: further attributes of the resource, beside `service.name` (the job) and `service.instance.id`
        (the instance).
    """

    address_key: ClassVar[str] = "endpoint"
    endpoint: str
    resource_attributes: dict[str, str] = {}

    def __post_init__(self) -> None:
        super().__post_init__()
        if urlsplit(self.endpoint).path in ("", "/"):
            raise ValueError("endpoint: expected the whole path, for example http://127.0.0.1:4318/v1/metrics")
        for key, name in (("service.name", "job"), ("service.instance.id", "instance")):
            if key in self.resource_attributes:
                raise ValueError(f"resource_attributes: {key} is set by the key {name}")
        if "" in self.resource_attributes:
            raise ValueError("resource_attributes: expected a name for each, for example deployment.environment.name")


def check_headers(headers: Iterable[tuple[str, str]]) -> None:
    """Refuse headers that cannot be sent, or that the exporter sets. Raises ValueError, without the value."""
    for name, value in headers:
        if not _HEADER.fullmatch(name):
            raise ValueError(f"invalid header name {name!r}: expected for example X-Scope-OrgID")
        if name.lower() in _OWN_HEADERS:
            raise ValueError(f"the header {name} is set by the exporter")
        if not value.isascii() or not value.isprintable():
            raise ValueError(f"the value of the header {name} has characters that no header can carry")
