"""A Spark session for `--engine spark`: the cluster's under spark-submit, else one of this machine.

Needs the extra `spark` and Java 17.
"""

import os
import sys
from typing import TYPE_CHECKING

from foundation.errors import ConfigError, SourceError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_ALONE = {
    "spark.master": "local[*]",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.sql.shuffle.partitions": "8",
    "spark.log.level": "ERROR",
}


def spark_session(system: str) -> "SparkSession":
    """The session, which the reports of one process share. Raises ConfigError without PySpark, and SourceError."""
    try:
        from pyspark.errors import PySparkException  # noqa: PLC0415, an extra that few have
        from pyspark.sql import SparkSession  # noqa: PLC0415
    except ImportError as exc:
        raise ConfigError("--engine spark needs pyspark (pip install '.[spark]' in a clone) and Java") from exc
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # so that local workers have this environment
    builder = SparkSession.builder.appName(f"tidewatch {system} report").config("spark.sql.session.timeZone", "UTC")
    alone = "SPARK_ENV_LOADED" not in os.environ  # not under spark-submit
    for key, value in _ALONE.items() if alone else ():
        builder = builder.config(key, value)
    try:
        return builder.getOrCreate()
    except (PySparkException, RuntimeError, OSError) as exc:
        raise SourceError(f"Spark could not be started (is Java 17 installed?): {str(exc).splitlines()[0]}") from exc
