"""Common names of the fields of lines, for all servers. Pure.

Each server has its own names: `$http_user_agent`, `%{User-Agent}i`, `cs(User-Agent)`, `%REQ(USER-AGENT)%`. All are
`user_agent` too.
"""

import re

_SIGNS = re.compile(r"[^a-z0-9]+")
_SAME = {
    "referrer": "referer",
    "vhost": "host",
    "c_ip": "remote_addr",
    "cs_username": "remote_user",
    "request_remote_ip": "remote_addr",
    "caun": "remote_user",
    "chi": "remote_addr",
    "user_id": "remote_user",
}
_HEADERS = ("user_agent", "referer", "referrer", "host", "x_forwarded_for", "cookie")
_OF_HEADERS = re.compile(r"(?:http|cs|req|request_headers?|request|header)_(\w+)")


def common_name(name: str) -> str:
    """The common name of a field, whatever its server calls it; empty for a name of signs alone."""
    plain = _SIGNS.sub("_", name.lower()).strip("_")
    if (header := _OF_HEADERS.fullmatch(plain)) and header[1] in _HEADERS:
        plain = header[1]
    return _SAME.get(plain, plain)
