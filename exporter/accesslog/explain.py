"""What became of each line, for people: `exporter explain`."""

from collections.abc import Iterator

from exporter.accesslog.bad import BadLines
from exporter.accesslog.formats.envelope import Chain, open_all, setting_of
from exporter.accesslog.labels import Labeller
from exporter.accesslog.parse.reader import Reader
from exporter.accesslog.source import Source
from exporter.accesslog.tally import BUCKETS, BYTES, COUNT, DURATION_NS, NS, Buckets
from exporter.catalogue import accesslog as metrics
from exporter.sources.lines import each_line
from foundation.terminal import printable


def explain(data: bytes, source: Source, path: str) -> Iterator[str]:
    """For each line of `data`, the first of `path`: the line, what was found in it, and the series that it feeds.

    At the end the bad ones are counted.
    """
    format_ = source.parsed_format()
    reader = Reader(format_, Buckets(source.buckets), envelope=source.envelope)
    if envelopes := reader.look(data):
        yield f"lines are in the envelope: {setting_of(envelopes)}"
    labeller = Labeller(source)
    labeller.earn(Reader(format_, Buckets(source.buckets), envelope=source.envelope).read(data).hits)
    bad = BadLines()
    for before, line in enumerate(each_line(data)):
        yield printable(line.decode("utf-8", "replace").rstrip("\r\n"))
        tally = reader.read(line)
        bad.add(tally, path, lines_before=before)
        for (method, target, code), numbers in tally.hits.items():
            values = {"method": method, "path": target, "code": code}
            found = [f"{name}={printable(value.decode('utf-8', 'replace'))}" for name, value in values.items()]
            found.append(f"bytes={numbers[BYTES]}")
            timed = sum(numbers[BUCKETS:]) > 0
            if timed:
                found.append(f"duration={numbers[DURATION_NS] / NS:.9g}s")
            elif number := reader.find_unitless(line):
                found.append(f"duration={number.text.decode()} (unit unknown)")
            yield f"    matched  {'  '.join(found)}"
            labels, folds = labeller.labelled((method, target, code))
            pairs = f'source="{source.source}",method="{labels.method}",route="{printable(labels.route)}"'
            yield f'    feeds    {metrics.REQUESTS.name}{{{pairs},code="{labels.code}"}} +{numbers[COUNT]}'
            yield f'    feeds    {metrics.RESPONSE_BYTES.name}{{{pairs},code="{labels.code}"}} +{numbers[BYTES]}'
            if timed:
                yield f"    feeds    {metrics.DURATION.name}{{{pairs}}} +1"
            for label in folds:
                yield f'    folded   {metrics.FOLDED.name}{{source="{source.source}",label="{label}"}} +1'
        for reason, count in tally.failed.items():
            yield f'    bad      {metrics.LINES_FAILED.name}{{source="{source.source}",reason="{reason}"}} +{count}'
        if not tally.hits and not tally.failed:
            yield f"    {_nothing(line, envelopes)}"
    if bad.counts:
        yield bad.in_words()


def _nothing(line: bytes, envelopes: Chain) -> str:
    opened = open_all(envelopes, line.rstrip(b"\n"))
    if opened and opened.more:
        return "a part of a line that goes on"
    if opened and opened.is_error:
        return "from the program's standard error; no request, and not bad"
    return "a directive of the log, or another message of the program; no request, and not bad"
