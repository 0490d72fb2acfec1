"""The boards on a separate page, for machines without Grafana: same files and same queries, and nothing more."""
