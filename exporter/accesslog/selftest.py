"""`tests:` of a source in the configuration: lines, and the samples that they must make. Run by `exporter check`."""

from collections.abc import Iterable

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from exporter.accesslog.metrics import families
from exporter.accesslog.parse.reader import Reader
from exporter.accesslog.source import Example, Source
from exporter.accesslog.state import Traffic
from exporter.accesslog.tally import Buckets
from exporter.web.exposition import Renderer


def check_source(source: Source) -> list[str]:
    """What is wrong with a source beyond its syntax: one text for each of its tests' samples that is not so."""
    return [
        f"$.accesslog: source {source.source}: tests[{number}]: {problem}"
        for number, test in enumerate(source.tests)
        for problem in _problems(source, test)
    ]


def _problems(source: Source, test: Example) -> Iterable[str]:
    samples = _samples(source, test.lines)
    for selector, want in test.samples.items():
        try:
            ((wanted,),) = (family.samples for family in text_string_to_metric_families(f"{selector} 0\n"))
        except ValueError:
            yield f'{selector!r} is no sample; write it as name{{label="value"}}'
            continue
        matching = [one for one in samples if one.name == wanted.name and wanted.labels.items() <= one.labels.items()]
        got = sum(one.value for one in matching)
        if not matching or abs(got - want) > 1e-9 * max(1.0, abs(want)):
            yield f"{selector} is {f'{got:g}' if matching else 'not there'}, not {want:g}"


def _samples(source: Source, lines: tuple[str, ...]) -> list[Sample]:
    """What a scrape would show after the lines."""
    traffic = Traffic(source, 0.0)
    reader = Reader(source.parsed_format(), Buckets(source.buckets), envelope=source.envelope)
    traffic.add(reader.read("".join(f"{line}\n" for line in lines).encode()), 0.0)
    text = "".join(Renderer().render(families(traffic), openmetrics=False))
    return [sample for family in text_string_to_metric_families(text) for sample in family.samples]
