"""How each line is counted, in words: `exporter explain`."""

from collections.abc import Iterator

from exporter.accesslog.bad import BadLines
from exporter.accesslog.formats.envelope import Chain, open_all, setting_of
from exporter.accesslog.labels import Labeller
from exporter.accesslog.metrics import MEASURED
from exporter.accesslog.parse.reader import Reader
from exporter.accesslog.source import Source
from exporter.accesslog.tally import BUCKETS, BYTES, COUNT, DURATION_NS, NS, Key
from exporter.catalogue import accesslog as metrics
from exporter.sources.lines import each_line
from exporter.web.exposition import ESCAPES
from foundation.terminal import printable


class Explanation:
    """Explains lines of one file, and remembers how they fit.

    fitting: how many requests there were, ignored ones too; bad: the bad lines.
    """

    def __init__(self, source: Source, path: str) -> None:
        """`path`: of the file, for people."""
        self._source, self._path = source, path
        self._reader, self._labeller = self._new_reader(), Labeller(source)
        self.fitting, self.bad = 0, BadLines()

    def _new_reader(self) -> Reader:
        source = self._source
        return source.reader(measured=True)

    def of(self, data: bytes) -> Iterator[str]:
        """For each line of `data`, the file's first: the line, what was found in it, and the series that it feeds.

        At the end the bad ones are counted.
        """
        envelopes = self._reader.look(data, self._path)
        if envelopes:
            yield f"lines are in the envelope: {setting_of(envelopes)}"
        self._labeller.earn(self._new_reader().read(data, self._path).hits)
        for before, line in enumerate(each_line(data)):
            yield printable(line.decode("utf-8", "replace").rstrip("\r\n"))
            tally = self._reader.read(line, self._path)
            self.bad.add(tally, self._path, lines_before=before)
            self.fitting += tally.fitting
            for key, numbers in tally.hits.items():
                yield from self._request(line, key, numbers)
            for rule in tally.ignored:
                pairs = f'source="{self._source.source}",rule="{printable(rule)}"'
                yield f"    ignored  {metrics.IGNORED.name}{{{pairs}}} +{tally.ignored[rule]}"
            for reason, count in tally.failed.items():
                pairs = f'source="{self._source.source}",reason="{reason}"'
                yield f"    bad      {metrics.LINES_FAILED.name}{{{pairs}}} +{count}"
            if not tally.fitting and not tally.failed:
                yield f"    {_nothing(line, envelopes)}"
        if self.bad.counts:
            yield self.bad.in_words()

    def _request(self, line: bytes, key: Key, numbers: list[int]) -> Iterator[str]:
        values = dict(zip(("method", "path", "code", *self._source.own_labels()), key, strict=True))
        found = [f"{name}={printable(value.decode('utf-8', 'replace'))}" for name, value in values.items()]
        found.append(f"bytes={numbers[BYTES]}")
        timed = sum(numbers[BUCKETS : BUCKETS + len(self._source.buckets) + 1]) > 0
        if timed:
            found.append(f"duration={numbers[DURATION_NS] / NS:.9g}s")
        elif number := self._reader.find_unitless(line, self._path):
            found.append(f"duration={number.text.decode()} (unit unknown)")
        yield f"    matched  {'  '.join(found)}"
        labels, folds = self._labeller.labelled(key)
        source = self._source.source
        pairs = f'source="{source}",method="{labels.method}",route="{printable(labels.route)}"'
        own = "".join(
            f',{name}="{value.translate(ESCAPES)}"'
            for name, value in (
                *zip(self._source.own_labels(), map(printable, labels.own), strict=True),
                *self._source.static_labels.items(),
            )
        )
        yield f'    feeds    {metrics.REQUESTS.name}{{{pairs},code="{labels.code}"{own}}} +{numbers[COUNT]}'
        yield f'    feeds    {metrics.RESPONSE_BYTES.name}{{{pairs},code="{labels.code}"{own}}} +{numbers[BYTES]}'
        if timed:
            yield f"    feeds    {metrics.DURATION.name}{{{pairs}{own}}} +1"
        measures = self._source.measures()
        for at, measure in enumerate(measures.measures):
            if sum(measures.part(at, numbers)[1:]):
                yield f"    feeds    {MEASURED[measure.kind].metric.name}{{{pairs}{own}}} +1"
        for label in folds:
            yield f'    folded   {metrics.FOLDED.name}{{source="{source}",label="{label}"}} +1'


def _nothing(line: bytes, envelopes: Chain) -> str:
    opened = open_all(envelopes, line.rstrip(b"\n"))
    if opened and opened.more:
        return "a part of a line that continues"
    if opened and opened.is_error:
        return "from the program's standard error; not a request, and not a bad line"
    return "a directive of the log, or another message of the program; not a request, and not a bad line"
