"""Addresses of pages, and how Tidewatch calls itself to them. Light to import: `collector` runs without aiohttp."""

from importlib.metadata import version
from urllib.parse import urlsplit

MAX_PAGE_BYTES = 1 << 20  # a stats page has a few hundred bytes; a megabyte is something else
USER_AGENT = f"tidewatch/{version('tidewatch')}"


def check_url(url: str) -> None:
    """Refuse what cannot be fetched. Raises ValueError with a text for the user."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ValueError(f"{url!r} is no address of a page; http://127.0.0.1:8080/stats is one")
    if parts.username is not None or parts.password is not None:
        raise ValueError("a password has no place in an address, where logs and labels show it")
