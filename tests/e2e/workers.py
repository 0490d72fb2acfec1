"""Which tests run on the same worker of pytest-xdist."""

from typing import ClassVar

from xdist.scheduler import LoadScopeScheduling


class ByServers(LoadScopeScheduling):
    """The tests of a file share a worker and so its fixtures."""

    together: ClassVar = {"test_web_policy.py": "test_listening_table.py"}
    """Files that use the servers of another."""
    first = frozenset({"test_on_spark.py"})
    """Files whose tests are the longest, which would else end last, with nothing left to run beside them."""
    apart = frozenset(
        {"test_contract.py", "test_releases_ingest.py", "test_soak.py", "test_stack.py", "test_stores.py"}
    )
    """Files whose tests are long and start servers of their own."""

    def _split_scope(self, nodeid):
        file = nodeid.partition("::")[0].rpartition("/")[2]
        return nodeid if file in self.apart else self.together.get(file, file)
