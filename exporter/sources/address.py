"""Addresses of pages, and Tidewatch's User-Agent. Light to import: `collector` runs without aiohttp."""

from urllib.parse import urlsplit

from foundation.secret import shown_url
from foundation.version import VERSION

MAX_PAGE_BYTES = 1 << 20  # a stats page has a few hundred bytes; a megabyte is something else


def user_agent() -> str:
    """The User-Agent of Tidewatch's requests."""
    return f"tidewatch/{VERSION}"


def check_url(url: str) -> None:
    """Refuse URLs that cannot be fetched. Raises ValueError with a text for the user."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ValueError(
            f"invalid URL {shown_url(url)!r}: expected http or https, for example http://127.0.0.1:8080/stats"
        )
    if parts.username is not None or parts.password is not None:
        raise ValueError(
            f"invalid URL {shown_url(url)!r}: expected no password in it, as logs and lists of processes show it"
        )
