"""Optional packages: those of each extra, and the error that names the extra.

need("hosting")  # before the import of what needs it
"""

from importlib.util import find_spec

from foundation.errors import ConfigError

REPORTS = "reports"
PACKAGES = {
    REPORTS: ("babel", "matplotlib", "opening_hours", "scipy", "tzlocal"),
    "remote-write": ("cramjam",),
    "otlp": ("google.protobuf", "opentelemetry.proto"),
    "spark": ("pyspark",),
}
"""By extra, as imports name them; pyproject.toml has the same by the names of the distributions."""


def need(what: str, extra: str = REPORTS) -> None:
    """Refuse `what`, a command or a feature, if its extra is not installed; '' after a place.

    Raises:
        ConfigError: with the command that installs it.
    """
    if not all(map(_is_installed, PACKAGES[extra])):
        raise ConfigError(f"{what} {lacks(extra)}".lstrip())


def lacks(extra: str) -> str:
    """`needs the extra ...`, and how to install it: from a clone, as the distribution is not published."""
    return f"needs the extra \"{extra}\": pip install '.[{extra}]' in a clone of Tidewatch"


def extra_of(module: str | None) -> str | None:
    """The extra that brings a module that could not be imported; None if it is of no extra."""
    return next((extra for extra, names in PACKAGES.items() if module and module.startswith(names)), None)


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # of the package that it would be in
        return False
