"""The version of Tidewatch, as pyproject.toml has it.

Programs take it from here, not from the metadata of an installed distribution: those are slow to read, and tell the
version of what was installed under that name, which need not be the code that runs.
"""

VERSION = "0.1.0"
