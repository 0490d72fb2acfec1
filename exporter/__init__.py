"""The Tidewatch exporter: five monitoring systems behind one /metrics."""
