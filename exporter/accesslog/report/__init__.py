"""Reports of logs: the figures of `qps` and `summary`, and `backfill`."""
