import numpy as np
import pytest
from sklearn.model_selection import RepeatedKFold

from tests.folds.fold_cases import plan
from trainer.errors import DataError
from trainer.folds.io.split_files import read_split, write_split

N = 10
IDS = np.arange(N).astype(np.str_)
# as OpenML serves them: quotes, INTEGER or NUMERIC, the order of the attributes is its own
HEAD = """@RELATION 'task_3_splits'

@ATTRIBUTE type {TRAIN,TEST}
@ATTRIBUTE 'rowid' INTEGER
@ATTRIBUTE repeat NUMERIC
@ATTRIBUTE fold NUMERIC

@DATA
"""


def rows_of(splitter):
    pairs = splitter.split(np.zeros(N))
    return [(number, kind, row) for number, pair in enumerate(pairs) for kind, rows in enumerate(pair) for row in rows]


def test_repeats_of_scikit_learn_are_read(tmp_path):
    splitter = RepeatedKFold(n_splits=5, n_repeats=2, random_state=1)
    lines = [f"{('TRAIN', 'TEST')[kind]},{row},{n // 5},{n % 5}\n" for n, kind, row in rows_of(splitter)]
    path = tmp_path / "splits.arff"
    path.write_text(HEAD + "".join(np.random.default_rng(0).permutation(lines)))
    made = plan(np.arange(N) % 2, "predefined", ids_N=IDS, shuffle=False, predefined=read_split(path, IDS))
    expected = list(splitter.split(np.zeros(N)))
    assert (made.repeats, made.n_splits) == (2, 5)
    for number, (train, held_out) in enumerate(expected):
        found = made.rows(*divmod(number, 5))
        assert [side.tolist() for side in found] == [train.tolist(), held_out.tolist()]


def test_what_is_written_reads_back(tmp_path):
    made = plan(np.arange(N) % 2, "holdout", ids_N=IDS, repeats=2)
    write_split(tmp_path / "a.arff", made, IDS)
    pairs = read_split(tmp_path / "a.arff", IDS)
    assert [[side.tolist() for side in pair] for pair in pairs] == [
        [side.tolist() for side in made.rows(repeat, 0)] for repeat in range(2)
    ]


BAD = [
    ("@relation x\n@attribute a numeric\n@data\n1\n", r"no split of OpenML: .* has \['a'\]"),
    (f"{HEAD}TRAIN,1,0,0\nVALID,2,0,0\n", "line 10: 'VALID,2,0,0' is no TRAIN or TEST"),
    (f"{HEAD}TRAIN,10,0,0\n", r"line 9: row 10: the data has rows 0\.\.9"),
    (HEAD, "no rows after @data"),
]


@pytest.mark.parametrize(("content", "message"), BAD, ids=[message[:12] for _, message in BAD])
def test_files_of_something_else(tmp_path, content, message):
    (tmp_path / "x.arff").write_text(content)
    with pytest.raises(DataError, match=message):
        read_split(tmp_path / "x.arff", IDS)
