"""Custom metrics from any log: the rules of the configuration turn its lines into counters, gauges and histograms."""

from exporter.logs.source import Source, check_sources

__all__ = ["Source", "check_sources"]
