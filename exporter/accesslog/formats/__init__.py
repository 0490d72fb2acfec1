"""Log formats by name or by the server's own format string."""

from exporter.accesslog.formats._model import FIELD_NAMES, Fields, Format
from exporter.accesslog.formats.presets import PRESETS

__all__ = ["FIELD_NAMES", "PRESETS", "Fields", "Format", "find_format"]


def find_format(text: str) -> Format:
    """The format that `text` names. Raises ValueError that says what is known."""
    if found := PRESETS.get(text):
        return found
    raise ValueError(f"format {text!r} is not known; known here: {', '.join(PRESETS)}")
