"""`tests:` of a source of `logs:`: lines, and the samples that they must make. Run by `exporter check`."""

from prometheus_client.samples import Sample

from exporter.accesslog.selftest import problems, samples_of
from exporter.logs.metrics import families
from exporter.logs.reader import Reader
from exporter.logs.source import Example, Source
from exporter.logs.state import State


def check_source(source: Source) -> list[str]:
    """What is wrong with a source beyond its syntax: one text for each sample of its tests that differs."""
    return [
        f"$.logs: source {source.source}: tests[{number}]: {problem}"
        for number, test in enumerate(source.tests)
        for problem in problems(_samples(source, test), test.samples)
    ]


def _samples(source: Source, test: Example) -> list[Sample]:
    """What a scrape would show after the lines."""
    state = State(source, 0.0)
    state.add(Reader(source).read("".join(f"{line}\n" for line in test.lines).encode(), test.path), 0.0)
    return samples_of(families(state))
