"""The collector's credentials and trusted certificates. Secrets are in files, which are read again each time."""

import ssl
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import requests

from foundation.errors import ConfigError, in_words
from foundation.loopback import is_loopback
from foundation.secret import read_secret, shown_url, warn_if_others_read


class Access(NamedTuple):
    """Files: a bearer token; the CA to trust (PEM); a client's certificate and key (PEM, the key may stand in it)."""

    token_file: Path | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None

    def check(self, url: str) -> None:
        """Read all of them once. Raises ConfigError for what cannot be used for `url`."""
        if self.key_file and not self.cert_file:
            raise ConfigError("--key: expected --cert FILE with it")
        for flag, file in (("--cacert", self.ca_file), ("--cert", self.cert_file)):
            if file and urlsplit(url).scheme != "https":
                raise ConfigError(f"{flag}: expected a page with https, got {shown_url(url)}")
        self.headers()
        context = ssl.create_default_context()
        if self.ca_file:
            try:
                context.load_verify_locations(self.ca_file)
            except OSError as exc:  # of which an SSLError is one
                raise ConfigError(f"{self.ca_file}: expected certificates as PEM: {in_words(exc)}") from exc
        if self.cert_file:
            try:
                context.load_cert_chain(self.cert_file, self.key_file, password=_refuse)
            except OSError as exc:
                files = " and ".join(str(file) for file in (self.cert_file, self.key_file) if file)
                raise ConfigError(f"{files}: expected a certificate and its key as PEM: {in_words(exc)}") from exc
            warn_if_others_read(self.key_file or self.cert_file)

    def apply(self, session: requests.Session) -> None:
        """Let a session trust the CA and show the certificate."""
        session.verify = str(self.ca_file) if self.ca_file else True
        if self.cert_file:
            session.cert = (str(self.cert_file), str(self.key_file)) if self.key_file else str(self.cert_file)

    def headers(self) -> dict[str, str]:
        """The headers of a request. Raises ConfigError when the token cannot be read."""
        return {"Authorization": f"Bearer {read_secret(self.token_file)}"} if self.token_file else {}

    def shows_token_to_all(self, url: str) -> bool:
        """Whether the token would cross a network unencrypted."""
        parts = urlsplit(url)
        return self.token_file is not None and parts.scheme == "http" and not is_loopback(parts.hostname or "")


def _refuse() -> str:
    raise ConfigError("--key: encrypted: expected a key without a passphrase")
