"""The boards on a page of their own, for machines without Grafana: same files, same queries, and no more than those."""
