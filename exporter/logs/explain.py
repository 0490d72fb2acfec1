"""How each line is counted, in words: `exporter logs explain`."""

from collections.abc import Iterator

from exporter.catalogue import logs as catalogue
from exporter.logs.counts import TOTAL
from exporter.logs.reader import Reader
from exporter.logs.source import Source
from exporter.logs.state import State
from exporter.logs.values import shown
from exporter.sources.lines import each_line
from foundation.terminal import printable


def explained(source: Source, data: bytes, path: str = "") -> Iterator[str]:
    """For each line of `data`, of the file at `path`: the line, and the series that it feeds after those before it."""
    reader, state = Reader(source), State(source, 0.0)
    reader.look(data, path)
    for line in each_line(data):
        yield printable(line.decode("utf-8", "replace").rstrip("\r\n"))
        counts = reader.read(line, path)
        addition = state.prepared(counts, 0.0)
        state.apply(addition)
        said = False
        for rule, sums, unusable in zip(source.rules, counts.sums, counts.unusable, strict=True):
            for labels, numbers in sums.items():
                pairs = {
                    "source": source.source,
                    **dict(zip(sorted(rule.labels), state.counted_as(rule, labels), strict=True)),
                }
                sign = "=" if rule.kind == "gauge" else "+"
                yield f"    feeds    {rule.name}{_pairs(pairs)} {sign}{shown(numbers[TOTAL])}"
                said = True
            if unusable:
                pairs = {"source": source.source, "metric": rule.name}
                yield f"    bad      {catalogue.VALUES_FAILED.name}{_pairs(pairs)} +{unusable}"
                said = True
        for metric, label, lines in addition.folded:
            pairs = {"source": source.source, "metric": metric, "label": label}
            yield f"    folded   {catalogue.FOLDED.name}{_pairs(pairs)} +{lines}"
        for reason, count in counts.failed.items():
            pairs = {"source": source.source, "reason": reason}
            yield f"    bad      {catalogue.LINES_FAILED.name}{_pairs(pairs)} +{count}"
            said = True
        if not said:
            yield "    no rule matches it"


def _pairs(labels: dict[str, str]) -> str:
    return "{" + ",".join(f'{name}="{printable(value)}"' for name, value in labels.items()) + "}"
