"""Rows of a hosting log as the tables that the report is made of."""

from contextlib import closing, contextmanager

import numpy as np

from exporter.hosting.bulk import read_logs
from exporter.hosting.engine import DuckEngine
from exporter.hosting.parse import Times
from exporter.hosting.rows import TABLES


class Gathered(dict):
    """Rows by table and column. Call it as `read_logs` calls what takes them."""

    def __init__(self):
        super().__init__({name: {column: [] for column in columns} for name, columns in TABLES.items()})

    def __call__(self, name, columns):
        for column, values in columns.items():
            self[name][column] += values.tolist()


def read_tables(path, **options):
    """The rows of a file, and what else is known of it."""
    rows = Gathered()
    log = read_logs([str(path)], Times(), rows, **options)
    return rows, log


@contextmanager
def engine_over(tables):
    """The report's engine with these rows, by table and column."""
    with closing(DuckEngine()) as engine:
        for name, columns in TABLES.items():
            engine.take(name, {column: np.array(tables[name][column], dtype) for column, dtype in columns.items()})
        yield engine
