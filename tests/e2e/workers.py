"""Which tests run on the same worker of pytest-xdist."""

from typing import ClassVar

from xdist.scheduler import LoadScopeScheduling


class ByServers(LoadScopeScheduling):
    """The tests of a file share a worker and so its fixtures."""

    together: ClassVar = {"test_web_policy.py": "test_listening_table.py"}
    """Files that use the servers of another."""
    first = (
        "test_on_spark.py",
        "test_your_prometheus.py",
        "test_guides_run.py",
        "test_core.py",
        "test_grid.py",
        "test_stats_end_to_end.py",
        "test_distribution.py",
        "test_delivery.py",
        "test_no_line_lost.py",
        "test_releases_balanced.py",
    )
    """Files that take the longest, the longest first: else one would end last, with nothing left to run beside it."""
    apart = frozenset(
        {"test_contract.py", "test_releases_ingest.py", "test_soak.py", "test_stack.py", "test_stores.py"}
    )
    """Files whose tests are long and start servers of their own."""

    def _split_scope(self, nodeid):
        file = nodeid.partition("::")[0].rpartition("/")[2]
        return nodeid if file in self.apart else self.together.get(file, file)
