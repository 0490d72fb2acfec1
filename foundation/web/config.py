"""The web configuration file, in the format of Prometheus' exporter-toolkit. Pure: files are read elsewhere.

Every key of that format is known here. One that Python's TLS cannot honour is refused with the reason: a server that
starts does what its file says. `allowed_hosts` is an addition of ours.
"""

import re
from collections.abc import Mapping

import msgspec

from foundation.grammar import duration_s
from foundation.web.headers import check_headers
from foundation.web.sites import check_allowed_host

MAX_COST = 18  # doubles the time with each step: 18 takes some ten seconds a login
VERIFYING = ("RequireAndVerifyClientCert", "VerifyClientCertIfGiven")
_AUTH_TYPES = "NoClientCert, VerifyClientCertIfGiven or RequireAndVerifyClientCert"
_UNVERIFIED = {"RequestClientCert", "RequireAnyClientCert", "RequireClientCert"}
_SUPPORTED_VERSIONS = ("TLS12", "TLS13")

# The last characters of salt and digest hold fewer than six bits; bcrypt refuses others than these.
_BCRYPT = re.compile(r"\$2[abxy]\$(\d\d)\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{30}[.CGKOSWaeimquy26]")

CIPHER_SUITES = {  # Go's names, as the file has them, to OpenSSL's; up to TLS 1.2
    f"TLS_ECDHE_{key}_WITH_{name}": f"ECDHE-{key}-{openssl}"
    for key in ("ECDSA", "RSA")
    for name, openssl in (
        ("AES_128_CBC_SHA", "AES128-SHA"),
        ("AES_256_CBC_SHA", "AES256-SHA"),
        ("AES_128_GCM_SHA256", "AES128-GCM-SHA256"),
        ("AES_256_GCM_SHA384", "AES256-GCM-SHA384"),
        ("CHACHA20_POLY1305_SHA256", "CHACHA20-POLY1305"),
        ("CHACHA20_POLY1305", "CHACHA20-POLY1305"),
    )
}
TLS13_SUITES = {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}
"""On whenever TLS 1.3 is, in Go as here: naming them changes nothing."""
CURVES = {"CurveP256": "prime256v1", "CurveP384": "secp384r1", "CurveP521": "secp521r1", "X25519": "X25519"}


class TlsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How connections are encrypted and whether clients must show a certificate."""

    cert_file: str = ""
    key_file: str = ""
    cert: str = ""
    key: str = ""
    client_auth_type: str = "NoClientCert"
    client_ca_file: str = ""
    client_ca: str = ""
    client_allowed_sans: list[str] = []
    min_version: str = "TLS12"
    max_version: str = "TLS13"
    cipher_suites: list[str] = []
    prefer_server_cipher_suites: bool = True
    curve_preferences: list[str] = []

    def __post_init__(self) -> None:
        """Raises ValueError for invalid or unsupported values."""
        for name, file, text in (("cert", self.cert_file, self.cert), ("key", self.key_file, self.key)):
            if bool(file) == bool(text):
                raise ValueError(f"expected either {name}_file or {name}")
        if self.client_ca_file and self.client_ca:
            raise ValueError("expected either client_ca_file or client_ca")
        self._check_clients()
        self._check_versions()
        self._check_algorithms()

    def __repr__(self) -> str:
        """Without the key."""
        return f"TlsConfig(cert_file={self.cert_file!r}, key_file={self.key_file!r})"

    @property
    def verifies_clients(self) -> bool:
        """Whether a client's certificate is asked for."""
        return self.client_auth_type in VERIFYING

    def _check_clients(self) -> None:
        kind, has_ca = self.client_auth_type, bool(self.client_ca_file or self.client_ca)
        if kind in _UNVERIFIED:
            raise ValueError(
                f"client_auth_type {kind} asks for a certificate that nobody verifies, which Python's TLS cannot: "
                f"expected {_AUTH_TYPES}"
            )
        if kind not in (*VERIFYING, "NoClientCert"):
            raise ValueError(f"invalid client_auth_type {kind!r}: expected {_AUTH_TYPES}")
        if self.verifies_clients and not has_ca:
            raise ValueError(f"client_auth_type {kind} needs client_ca_file or client_ca")
        if not self.verifies_clients and (has_ca or self.client_allowed_sans):
            what = "a client CA" if has_ca else "client_allowed_sans"
            raise ValueError(f"{what} needs client_auth_type {' or '.join(VERIFYING)}")

    def _check_versions(self) -> None:
        for key, version in (("min_version", self.min_version), ("max_version", self.max_version)):
            if version in {"TLS10", "TLS11"}:
                raise ValueError(f"{key} {version} is broken (RFC 8996) and off in OpenSSL: expected TLS12 or TLS13")
            if version not in _SUPPORTED_VERSIONS:
                raise ValueError(f"invalid {key} {version!r}: expected TLS12 or TLS13")
        if self.min_version > self.max_version:
            raise ValueError(f"min_version {self.min_version} is above max_version {self.max_version}")

    def _check_algorithms(self) -> None:
        if unknown := [name for name in self.cipher_suites if name not in {*CIPHER_SUITES, *TLS13_SUITES}]:
            raise ValueError(
                f"unknown or insecure cipher suite {unknown[0]!r}: expected one of Go's secure suites, for example "
                f"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"
            )
        if self.cipher_suites and self.max_version == "TLS12" and not self.tls12_suites:
            raise ValueError("cipher_suites names suites of TLS 1.3 alone, and max_version is TLS12")
        if unknown := [name for name in self.curve_preferences if name not in CURVES]:
            raise ValueError(f"unknown curve {unknown[0]!r}: expected one of {', '.join(CURVES)}")
        if len(self.curve_preferences) > 1:
            raise ValueError("curve_preferences: Python's TLS can set one curve, or none for OpenSSL's order of all")

    @property
    def tls12_suites(self) -> list[str]:
        """OpenSSL's names of the suites that are meant for TLS 1.2."""
        return [CIPHER_SUITES[name] for name in self.cipher_suites if name in CIPHER_SUITES]


class HttpConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Headers that every answer carries. `http2` may be switched off, which it is."""

    http2: bool = False
    headers: dict[str, str] = {}

    def __post_init__(self) -> None:
        """Raises ValueError for headers that cannot be sent."""
        if self.http2:
            raise ValueError("http2: true is not possible: this server speaks HTTP/1.1, as every client can; remove it")
        check_headers(self.headers)


class RateLimit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One request each `interval`, with `burst` of them at once. No limit without an interval."""

    interval: str | int | float = 0
    burst: int = 0

    def __post_init__(self) -> None:
        """Raises ValueError for a limit that would block everything."""
        if self.interval_s and self.burst < 1:
            raise ValueError("rate_limit with an interval needs burst, for example 20: with 0 nothing would pass")

    @property
    def interval_s(self) -> float:
        """Seconds for each request; 0: no limit."""
        return duration_s(self.interval, zero=True)


class WebConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The web configuration file."""

    tls_server_config: TlsConfig | None = None
    http_server_config: HttpConfig = HttpConfig()
    basic_auth_users: dict[str, str] = {}
    rate_limit: RateLimit = RateLimit()
    allowed_hosts: list[str] = []

    def __post_init__(self) -> None:
        """Raises ValueError for an impossible user or host name."""
        check_users(self.basic_auth_users)
        for name in self.allowed_hosts:
            check_allowed_host(name)


def check_users(users: Mapping[str, str]) -> None:
    """Refuse a damaged hash, whose user could never log in. Raises ValueError that shows no hash."""
    for user, hashed in users.items():
        if ":" in user or not user.isprintable():
            raise ValueError(f"basic_auth_users: invalid name {user!r}: expected printable text without a colon")
        match = _BCRYPT.fullmatch(hashed)
        if match is None:
            what = "truncated or damaged bcrypt hash" if hashed.startswith("$2") else "not a bcrypt hash"
            raise ValueError(f"basic_auth_users: {user}: {what}; htpasswd -nBC 12 '' makes one")
        if not 4 <= int(match[1]) <= MAX_COST:
            raise ValueError(
                f"basic_auth_users: {user}: cost {int(match[1])}: expected 4 to {MAX_COST}, for example 12"
            )
