#!/usr/bin/env bash
# scipy 1.17.1: `scipy.io.arff.loadarff` of valid ARFF files with an escaped quote in a nominal value, or with weights
# of the rows, and of a row with a value too many.
# Guess: the value is it's, the weight is given or refused, the long row is refused: Weka's description has all three.
# Seen: the value is it\s' ; weights and the value too many are dropped, all without a warning or an error.
# Instead: read such files with Weka's own rules (liac-arff 2.5.0 gets the quote right, and refuses the other two).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check scipy==1.17.1 numpy==2.3.5
"$folder/venv/bin/python" -W error - <<'PY'
import io

import scipy
from scipy.io import arff

HEAD = "@relation r\n@attribute a numeric\n@attribute k {'it\\'s',b}\n@data\n"


def rows(data):
    return arff.loadarff(io.StringIO(HEAD + data))[0].tolist()


quote, weight, long = rows("1,'it\\'s'\n"), rows("1,b,{3.0}\n"), rows("1,b,9\n")
print(f"scipy {scipy.__version__}: 1,'it\\'s' is {quote}; 1,b,{{3.0}} is {weight}; 1,b,9 is {long}")
assert quote == [(1.0, b"it\\s'")] and weight == long == [(1.0, b"b")], "the behaviour has changed"
PY
echo "as described"
