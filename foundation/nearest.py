"""The probable word for a misspelled one. Pure."""

from collections.abc import Iterable

_COMPARED = 100  # characters: the time grows with their square


def nearest(written: str, known: Iterable[str]) -> str | None:
    """The known word that is most alike, None if none is: difflib's ratio of the first 100 characters, 0.6 or more."""
    import difflib  # noqa: PLC0415, 0.2 MiB that only a mistake needs

    close = difflib.get_close_matches(written[:_COMPARED], list(known), n=1)
    return close[0] if close else None
