"""HDF5 tables of measured architectures: one file per benchmark, opened lazily and only if it is what it claims.

``schema.py`` says what a file looks like and writes one; ``table.py`` opens and reads it; ``manifest.py`` knows
which files there are and their hashes; ``plain_pickle.py`` reads others' pickles without running anything; the
``from_*.py`` modules are importers, one per source.
"""

from nasbench_suite.tables.manifest import find_table, known_tables, table_directories
from nasbench_suite.tables.schema import SCHEMA_VERSION, DatasetRecord, TableRecord, TrainingRecord, write_table
from nasbench_suite.tables.table import Table, open_table

__all__ = [
    "SCHEMA_VERSION",
    "DatasetRecord",
    "Table",
    "TableRecord",
    "TrainingRecord",
    "find_table",
    "known_tables",
    "open_table",
    "table_directories",
    "write_table",
]
