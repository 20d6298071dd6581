#!/usr/bin/env bash
# pyarrow 26.0.1 and pandas 3.1.1: an interpreter or notebook that has used pyarrow, in which pandas is then installed.
# Guess: pandas is known from its import on, or the next call fails and says that a new start is needed.
# Seen: pyarrow looks for pandas once, at its first array. Afterwards a column of pandas is any sequence to it: NaN is
#       a number and not null (0 nulls for 1), without a word, and None in a column of text, which pandas keeps as NaN,
#       is an error. A column that is written to Parquet so has no missing values.
# Instead: start the interpreter again after installing pandas; or ask for it: pa.array(series, from_pandas=True).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pyarrow==26.0.1 numpy==2.4.6
cd "$folder"
cat > both.py <<'PY'
import subprocess
import sys

import pyarrow as pa

if "first" in sys.argv:
    pa.array([1, 2])
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "pandas==3.1.1"]
    subprocess.run(install, check=True, stderr=subprocess.DEVNULL)
import pandas as pd

column = pd.Series([1.5, None])
print(pa.array(column).null_count, pa.array(column, from_pandas=True).null_count)
PY
after=$("$folder/venv/bin/python" both.py first)
again=$("$folder/venv/bin/python" both.py)
echo "nulls in an array of [1.5, NaN], and with from_pandas=True: installed meanwhile $after, after a new start $again"
[ "$after" = "0 1" ] && [ "$again" = "1 1" ] || { echo "the behaviour has changed"; exit 1; }
echo "as described"
