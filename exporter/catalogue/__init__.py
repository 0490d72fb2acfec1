"""Every metric of the exporter: name, type, labels, help. Tests check dashboards, rules and docs against it.

A system declares its metrics in the module with its name here, which is found automatically, and makes `Family` objects
from them at scrape time.
"""

import importlib
import pkgutil

from exporter.catalogue._log import InputMetrics, LogMetrics
from exporter.catalogue._model import Family, HistogramValue, LabelValues, Metric, Value, with_labels

__all__ = [
    "Family",
    "HistogramValue",
    "InputMetrics",
    "LabelValues",
    "LogMetrics",
    "Metric",
    "Value",
    "every_metric",
    "with_labels",
]


def every_metric() -> list[Metric]:
    """All metrics of all systems and of the exporter itself, by name."""
    names = [found.name for found in pkgutil.iter_modules(__path__) if not found.name.startswith("_")]
    modules = [importlib.import_module(f"{__name__}.{name}") for name in names]
    values = [value for module in modules for value in vars(module).values()]
    found = [value for value in values if isinstance(value, Metric)]
    found += [metric for value in values if isinstance(value, InputMetrics | LogMetrics) for metric in value]
    return sorted(found, key=lambda metric: metric.name)
