"""The process's own families say what prometheus-client itself would have exposed."""

import resource

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporter.web.exposition import Renderer
from exporter.web.process import ProcessFamilies


def shown(families):
    """Name, type, help and the samples' names and labels of each family; values differ from one moment to the next."""
    return {
        (f.name, f.type, f.documentation, tuple((s.name, tuple(sorted(s.labels.items()))) for s in f.samples))
        for f in families
    }


def test_names_types_help_and_labels_are_the_librarys_in_both_formats():
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    families = ProcessFamilies().collect()
    text = "".join(Renderer().render(families, openmetrics=False))
    openmetrics = "".join(Renderer().render(families, openmetrics=True)) + "# EOF\n"
    want = shown(parse_text(generate_latest(registry).decode()))
    assert len(want) > 8
    assert shown(parse_text(text)) == want
    assert shown(parse_openmetrics(openmetrics)) == shown(parse_openmetrics(openmetrics_latest(registry).decode()))


def test_values_are_those_of_this_process():
    values = {family.metric.name: family.series[0][1] for family in ProcessFamilies().collect()}
    assert values["process_max_fds"] == resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    used = resource.getrusage(resource.RUSAGE_SELF)
    assert 0 < values["process_cpu_seconds_total"] <= used.ru_utime + used.ru_stime + 0.02
    assert values["python_info"] == 1
