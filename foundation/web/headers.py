"""The headers of every answer, and those that the web configuration file may set. Pure."""

import re
from collections.abc import Mapping

SERVER = "tidewatch"  # no version: it would say which faults to try

STRICT_CSP = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""Nothing is loaded and nobody may frame it. A page adds what it needs: `f"{STRICT_CSP}; style-src 'self'"`."""

PAGE_CSP = f"{STRICT_CSP}; style-src 'unsafe-inline'"
"""Of a page of `foundation.page`, which carries its stylesheet."""

DEFAULTS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "deny",
    "Content-Security-Policy": STRICT_CSP,
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}

_SETTABLE: dict[str, tuple[str, ...]] = {  # with the values that are known, where the standard lists them
    "Strict-Transport-Security": (),
    "X-Content-Type-Options": ("nosniff",),
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-XSS-Protection": (),
    "Content-Security-Policy": (),
    "Cache-Control": (),
    "Referrer-Policy": (),
    "Cross-Origin-Resource-Policy": ("same-origin", "same-site", "cross-origin"),
}
_VALUE = re.compile(r"[\x20-\x7e\t]*")


def check_headers(headers: Mapping[str, str]) -> None:
    """Refuse headers that cannot be sent or that the file may not set. Raises ValueError."""
    for name, value in headers.items():
        if name not in _SETTABLE:
            raise ValueError(f"{name!r} cannot be set here: expected one of {', '.join(_SETTABLE)}")
        if not _VALUE.fullmatch(value):
            raise ValueError(f"invalid value of {name}: expected printable ASCII in one line")
        known = _SETTABLE[name]
        if value and known and value.lower() not in known:
            raise ValueError(f"invalid value of {name}: expected {' or '.join(known)}")


def for_answers(configured: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """(defaults, forced): what an answer gets unless it says otherwise, and what it gets in any case.

    A header that the file sets is forced; one that the file leaves blank is not sent by default.
    """
    defaults = {name: value for name, value in DEFAULTS.items() if name not in configured}
    return defaults, {"Server": SERVER} | {name: value for name, value in configured.items() if value}
