"""Whether a text of the configuration is literal or a regex."""

import re

_SIGNS = re.compile(r"[\\^$*+?{}\[\]|()]")


def is_regex(text: str) -> bool:
    """Whether the text has signs of a regex. A dot alone is not one: `example.org` and `10.0.0.1` are literal."""
    return _SIGNS.search(text) is not None
