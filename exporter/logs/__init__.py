"""Custom metrics from any log: the rules of the configuration turn its lines into counters, gauges and histograms."""
