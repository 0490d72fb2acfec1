"""The web side of the exporter: /metrics and its neighbours."""
