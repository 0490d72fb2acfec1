"""TLS contexts from the web configuration.

A used context keeps every client CA and every session, so each change creates a new one for the next connections.
"""

import ipaddress
import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from foundation.errors import ConfigError
from foundation.web.config import CURVES, TlsConfig

_VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
_MODES = {"NoClientCert": ssl.CERT_NONE, "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL}


def new_context(tls: TlsConfig, cert: bytes, key: bytes, client_ca: bytes) -> ssl.SSLContext:
    """A server's context. Raises ConfigError that begins with the key that is wrong.

    Args:
        tls: What the file says.
        cert: The certificate chain, PEM.
        key: Its private key, PEM.
        client_ca: Authorities of clients' certificates, PEM; only where clients are verified.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _load_chain(context, cert, key)
    context.minimum_version, context.maximum_version = _versions(tls)
    if tls.tls12_suites:
        context.set_ciphers(":".join(["@SECLEVEL=2", *tls.tls12_suites]))
    if not tls.prefer_server_cipher_suites:
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    for curve in tls.curve_preferences:
        context.set_ecdh_curve(CURVES[curve])
    if tls.verifies_clients:
        _verify_clients(context, tls, client_ca)
    return context


def _versions(tls: TlsConfig) -> tuple[ssl.TLSVersion, ssl.TLSVersion]:
    least = tls.min_version if not tls.cipher_suites or tls.tls12_suites else "TLS13"  # no suite of TLS 1.2 is wanted
    return _VERSIONS[least], _VERSIONS[tls.max_version]


def _load_chain(context: ssl.SSLContext, cert: bytes, key: bytes) -> None:
    def refuse() -> str:
        """Refuse a key that needs a passphrase. Raises ConfigError."""
        raise ConfigError("key: encrypted: expected a key without a passphrase")

    with _as_file(cert) as cert_path, _as_file(key) as key_path:
        try:
            context.load_cert_chain(cert_path, key_path, password=refuse)
        except (ssl.SSLError, OSError) as exc:
            raise ConfigError(f"cert, key: expected a certificate and its key as PEM: {_in_words(exc)}") from exc


@contextmanager
def _as_file(content: bytes) -> Iterator[str]:
    """A name by which OpenSSL can read `content`, which never reaches a disk."""
    descriptor = os.memfd_create("pem")
    try:
        with open(descriptor, "wb", closefd=False) as stream:
            stream.write(content)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)


def _verify_clients(context: ssl.SSLContext, tls: TlsConfig, client_ca: bytes) -> None:
    try:
        context.load_verify_locations(cadata=client_ca.decode("ascii", "replace"))
    except (ssl.SSLError, ValueError) as exc:
        raise ConfigError(f"client_ca: expected certificates as PEM: {_in_words(exc)}") from exc
    context.verify_mode = _MODES.get(tls.client_auth_type, ssl.CERT_REQUIRED)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # what the file names is trusted, an intermediate too
    if tls.client_allowed_sans:
        context.sslobject_class = _checking(frozenset(map(_canonical, tls.client_allowed_sans)))


def _checking(allowed: frozenset[str]) -> type[ssl.SSLObject]:
    """A connection that ends at the handshake unless the client's certificate has one of the names `allowed`."""

    class Checking(ssl.SSLObject):
        """Connections that refuse clients whose certificate has no allowed name."""

        def do_handshake(self) -> None:
            """Shake hands, then check the client's names. Raises SSLCertVerificationError."""
            super().do_handshake()
            certificate = self.getpeercert()
            if certificate and allowed.isdisjoint(_names(certificate)):
                refused = ssl.SSLCertVerificationError("the client's certificate has none of client_allowed_sans")
                refused.reason = str(refused)
                raise refused

    return Checking


def _names(certificate: Any) -> set[str]:
    return {_canonical(name) for _, name in certificate.get("subjectAltName", ())}


def _canonical(name: str) -> str:
    """Addresses in one notation, other names as they are."""
    try:
        return str(ipaddress.ip_address(name.strip()))
    except ValueError:
        return name


def _in_words(exc: Exception) -> str:
    """OpenSSL's reason without its code, where there is one."""
    reason = getattr(exc, "reason", None)
    return reason.replace("_", " ").lower() if reason else str(exc)
