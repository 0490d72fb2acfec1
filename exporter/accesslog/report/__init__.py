"""What logs amount to, for people and other programs: the figures of `qps` and `summary`, and `backfill`."""
