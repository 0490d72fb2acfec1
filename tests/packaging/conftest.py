"""For tests of what is deployed: the files that its commands read are in the pod."""

import pytest

from foundation.flags import InputFile


@pytest.fixture(autouse=True)
def files_of_the_pod(monkeypatch):
    """Commands are parsed here as they are there."""
    monkeypatch.setattr(InputFile, "_look", lambda self, path: None)
