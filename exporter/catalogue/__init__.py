"""Every metric of the exporter: name, type, labels, help. Dashboards, rules and docs are checked against this.

A system declares its metrics in the module of its name here, and makes `Family` objects from them at scrape time.
"""

from exporter.catalogue._log import LogMetrics
from exporter.catalogue._model import Family, HistogramValue, LabelValues, Metric, Value

__all__ = ["Family", "HistogramValue", "LabelValues", "LogMetrics", "Metric", "Value", "every_metric"]


def every_metric() -> list[Metric]:
    """All metrics of all systems and of the exporter itself, by name."""
    from exporter.catalogue import accesslog, hosting, itself, releases, stats, stores  # noqa: PLC0415, no cycle

    modules = (accesslog, hosting, itself, releases, stats, stores)
    values = [value for module in modules for value in vars(module).values()]
    found = [value for value in values if isinstance(value, Metric)]
    found += [metric for value in values if isinstance(value, LogMetrics) for metric in value]
    return sorted(found, key=lambda metric: metric.name)
