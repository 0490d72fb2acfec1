"""The process's own metrics, from prometheus-client's collectors, as families like those of the systems."""

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.metrics_core import Metric as ClientMetric

from exporter.catalogue import Family, Metric


class ProcessFamilies:
    """`process_*` and `python_*`. The library's default registry is not used."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self._registry)

    def collect(self) -> list[Family]:
        """What they say now; a family without samples is left out."""
        return [_family(found) for found in self._registry.collect() if found.samples]


def _family(found: ClientMetric) -> Family:
    names = tuple(found.samples[0].labels)  # the collectors give each sample of a family the same labels, in one order
    metric = Metric(
        found.samples[0].name, "counter" if found.type == "counter" else "gauge", found.documentation, names
    )
    return metric.family([(tuple(sample.labels.values()), sample.value) for sample in found.samples])
