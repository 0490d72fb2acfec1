"""What asking boards gave, as a table for the terminal: `query-all` and `grafana-check` print alike. Pure."""

from collections.abc import Sequence


def in_columns(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """One line a row, its cells under their heads; the last cell, free text, is as long as it is."""
    last = len(head) - 1
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(last)]
    padded = [[*(cell.ljust(w) for cell, w in zip(row, widths, strict=False)), row[last]] for row in [head, *rows]]
    return ["  ".join(cells).rstrip() for cells in padded]
