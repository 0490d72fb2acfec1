"""`tests:` of a source in the configuration: lines, and the samples that they must produce. Run by `exporter check`."""

from collections.abc import Iterable, Mapping

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from exporter.accesslog.metrics import families
from exporter.accesslog.source import Example, Source
from exporter.accesslog.state import Traffic
from exporter.catalogue import Family
from exporter.web.exposition import Renderer


def check_source(source: Source) -> list[str]:
    """What is wrong with a source beyond its syntax: one text for each sample of its tests that differs."""
    return [
        f"$.accesslog: source {source.source}: tests[{number}]: {problem}"
        for number, test in enumerate(source.tests)
        for problem in problems(_samples(source, test), test.samples)
    ]


def problems(samples: list[Sample], wanted_samples: Mapping[str, float]) -> Iterable[str]:
    """The expected samples that differ, by selector."""
    for selector, want in wanted_samples.items():
        try:
            ((wanted,),) = (family.samples for family in text_string_to_metric_families(f"{selector} 0\n"))
        except ValueError:
            yield f'{selector!r} is not a sample: expected name{{label="value"}}'
            continue
        matching = [one for one in samples if one.name == wanted.name and wanted.labels.items() <= one.labels.items()]
        got = sum(one.value for one in matching)
        if not matching or abs(got - want) > 1e-9 * max(1.0, abs(want)):
            yield f"{selector} is {f'{got:g}' if matching else 'not there'}, not {want:g}"


def _samples(source: Source, test: Example) -> list[Sample]:
    """The result of a scrape after the lines of a test."""
    traffic = Traffic(source, 0.0)
    reader = source.reader(measured=True)
    lines = "".join(f"{line}\n" for line in test.lines).encode()
    traffic.add(reader.read(lines, test.path), 0.0)
    return samples_of(families(traffic))


def samples_of(families: Iterable[Family]) -> list[Sample]:
    """The samples of families, as a scrape shows them."""
    text = "".join(Renderer().render(families, openmetrics=False))
    return [sample for family in text_string_to_metric_families(text) for sample in family.samples]
