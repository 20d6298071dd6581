#!/usr/bin/env bash
# pandas 3.1.1, pyarrow 26.0.1: `frame.set_index("id").to_parquet(file)` writes the ids as a column, or does not.
# Guess: which columns a file has depends on the frame's columns, so all parts of a data set, written by one line, agree.
# Seen: it depends on the values. Ids 10, 20, 30 have even steps: set_index (and read_csv with index_col) makes a
# RangeIndex of them, to_parquet keeps three numbers in pandas' metadata, and everybody but pandas (pyarrow, polars,
# Spark) finds no ids; with 10, 20, 31 they are a column. A folder of such parts has two schemas.
# Instead: keep ids as a column, or write with index=True, which makes a column of any index.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pandas==3.1.1 pyarrow==26.0.1 polars==2.1.0
"$folder/venv/bin/python" - "$folder" <<'PY'
import sys

import pandas as pd
import polars as pl

seen = {}
for name, ids, options in (("even", [10, 20, 30], {}), ("uneven", [10, 20, 31], {}), ("asked", [10, 20, 30], {"index": True})):
    file = f"{sys.argv[1]}/{name}.parquet"
    pd.DataFrame({"id": ids, "x": [1, 2, 3]}).set_index("id").to_parquet(file, **options)
    seen[name] = pl.read_parquet(file).columns
    print(f"pandas {pd.__version__}: ids {ids} {options or ''}: columns that polars finds: {seen[name]}")
assert seen == {"even": ["x"], "uneven": ["x", "id"], "asked": ["x", "id"]}, "the behaviour has changed"
PY
echo "as described"
