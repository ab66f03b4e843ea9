"""HDF5 tables of measured architectures: one file per benchmark, opened lazily and only if it is what it claims.

``schema.py`` says what a file looks like and writes one; ``table.py`` opens and reads it and ``column.py`` answers
fast questions; ``manifest.py`` knows which files there are and their hashes, ``verified.py`` which large ones were
hashed before; ``plain_pickle.py`` reads others' pickles without running anything, ``plain_stream.py`` those that are
too large for memory; the ``from_*.py`` modules are importers, one per source, ``pull.py`` fetches what they import, and ``export.py`` gives tables away again;
``nats_bench_api.py`` answers like the package nats_bench.
"""

from nasbench_suite.tables.column import Column
from nasbench_suite.tables.manifest import find_table, known_tables, table_directories
from nasbench_suite.tables.schema import SCHEMA_VERSION, DatasetRecord, TableRecord, TrainingRecord, write_table
from nasbench_suite.tables.table import Table, open_table, verify_table

__all__ = [
    "SCHEMA_VERSION",
    "Column",
    "DatasetRecord",
    "Table",
    "TableRecord",
    "TrainingRecord",
    "find_table",
    "known_tables",
    "open_table",
    "table_directories",
    "verify_table",
    "write_table",
]
