"""The README's chain runs as it is written there."""

import sys
from pathlib import Path

import pytest
import readme_chain


@pytest.mark.e2e
def test_the_chain_of_the_readme_runs_as_written(tmp_path):
    readme_chain.holds(Path(sys.executable).parent, tmp_path)
