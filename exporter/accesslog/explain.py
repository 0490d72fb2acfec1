"""What became of each line, for people: `exporter explain`."""

from collections.abc import Iterator

from exporter.accesslog.bad import BadLines
from exporter.accesslog.formats.envelope import Chain, open_all, setting_of
from exporter.accesslog.labels import Labeller
from exporter.accesslog.parse.reader import Reader
from exporter.accesslog.source import Source
from exporter.accesslog.tally import BUCKETS, BYTES, COUNT, DURATION_NS, NS, Buckets, Key
from exporter.catalogue import accesslog as metrics
from exporter.sources.lines import each_line
from foundation.terminal import printable


class Explanation:
    """Explains lines of one file, and remembers how they fit.

    requests: how many there were; bad: the bad lines.
    """

    def __init__(self, source: Source, path: str) -> None:
        """`path`: of the file, for people."""
        self._source, self._path = source, path
        self._reader, self._labeller = self._new_reader(), Labeller(source)
        self.requests, self.bad = 0, BadLines()

    def _new_reader(self) -> Reader:
        source = self._source
        return Reader(source.parsed_format(), Buckets(source.buckets), envelope=source.envelope)

    def of(self, data: bytes) -> Iterator[str]:
        """For each line of `data`, the file's first: the line, what was found in it, and the series that it feeds.

        At the end the bad ones are counted.
        """
        envelopes = self._reader.look(data)
        if envelopes:
            yield f"lines are in the envelope: {setting_of(envelopes)}"
        self._labeller.earn(self._new_reader().read(data).hits)
        for before, line in enumerate(each_line(data)):
            yield printable(line.decode("utf-8", "replace").rstrip("\r\n"))
            tally = self._reader.read(line)
            self.bad.add(tally, self._path, lines_before=before)
            self.requests += tally.requests
            for key, numbers in tally.hits.items():
                yield from self._request(line, key, numbers)
            for reason, count in tally.failed.items():
                pairs = f'source="{self._source.source}",reason="{reason}"'
                yield f"    bad      {metrics.LINES_FAILED.name}{{{pairs}}} +{count}"
            if not tally.hits and not tally.failed:
                yield f"    {_nothing(line, envelopes)}"
        if self.bad.counts:
            yield self.bad.in_words()

    def _request(self, line: bytes, key: Key, numbers: list[int]) -> Iterator[str]:
        values = dict(zip(("method", "path", "code"), key, strict=True))
        found = [f"{name}={printable(value.decode('utf-8', 'replace'))}" for name, value in values.items()]
        found.append(f"bytes={numbers[BYTES]}")
        timed = sum(numbers[BUCKETS:]) > 0
        if timed:
            found.append(f"duration={numbers[DURATION_NS] / NS:.9g}s")
        elif number := self._reader.find_unitless(line):
            found.append(f"duration={number.text.decode()} (unit unknown)")
        yield f"    matched  {'  '.join(found)}"
        labels, folds = self._labeller.labelled(key)
        source = self._source.source
        pairs = f'source="{source}",method="{labels.method}",route="{printable(labels.route)}"'
        yield f'    feeds    {metrics.REQUESTS.name}{{{pairs},code="{labels.code}"}} +{numbers[COUNT]}'
        yield f'    feeds    {metrics.RESPONSE_BYTES.name}{{{pairs},code="{labels.code}"}} +{numbers[BYTES]}'
        if timed:
            yield f"    feeds    {metrics.DURATION.name}{{{pairs}}} +1"
        for label in folds:
            yield f'    folded   {metrics.FOLDED.name}{{source="{source}",label="{label}"}} +1'


def _nothing(line: bytes, envelopes: Chain) -> str:
    opened = open_all(envelopes, line.rstrip(b"\n"))
    if opened and opened.more:
        return "a part of a line that goes on"
    if opened and opened.is_error:
        return "from the program's standard error; no request, and not bad"
    return "a directive of the log, or another message of the program; no request, and not bad"
