import numpy as np
import pytest

from tests.folds.fold_cases import plan
from trainer.errors import ConfigError, DataError
from trainer.folds.io.split_files import read_split, require_replaceable, write_split

IDS = np.array([f"case_{i}" for i in range(12)])
TARGET = np.arange(12) % 2


def write(folder, lists):
    folder.mkdir()
    for name, ids in lists.items():
        (folder / name).write_text("".join(f"{one}\n" for one in ids))
    return folder


def test_a_folder_and_a_pattern_say_the_same(tmp_path):
    lists = {f"fold{n}.txt": IDS[n:9:3] for n in range(3)}
    folder = write(tmp_path / "folds", {**lists, "readme.txt": ["not an id"]})
    expected = [0, 1, 2] * 3 + [-1] * 3
    assert read_split(folder, IDS).tolist() == expected
    assert read_split(folder / "fold*.txt", IDS).tolist() == expected


BAD = [
    ({"fold_0.txt": IDS[:6], "fold_1.txt": IDS[5:]}, r"1 rows of fold_1\.txt are in fold_0\.txt too, such as row 6"),
    ({"fold_0.txt": ["case_1", "case_77"]}, r"fold_0\.txt, entry 1: id 'case_77' is not in the data"),
    ({"fold_a.txt": IDS}, r"wants a file for each fold, .*has fold_a\.txt"),
    ({"fold_1.txt": IDS[:2], "fold_01.txt": IDS[2:]}, "with a number of its own"),
    ({}, "has none"),
]


@pytest.mark.parametrize(("lists", "message"), BAD, ids=[message[:16] for _, message in BAD])
def test_lists_that_are_no_folds(tmp_path, lists, message):
    with pytest.raises(DataError, match=message):
        read_split(write(tmp_path / "folds", lists), IDS)


def test_only_the_same_lists_are_written_over(tmp_path):
    path = tmp_path / "fold_*.txt"
    for n_splits in (3, 3, 4):
        require_replaceable(path, IDS)
        write_split(path, plan(TARGET, ids_N=IDS, n_splits=n_splits), IDS)
    with pytest.raises(ConfigError, match=r"fold_2\.txt, fold_3\.txt would stay beside the 2 lists"):
        write_split(path, plan(TARGET, ids_N=IDS, n_splits=2), IDS)
    (tmp_path / "fold_2.txt").write_text("something else\n")
    with pytest.raises(ConfigError, match="is there and is not only folds of this data"):
        require_replaceable(path, IDS)
    with pytest.raises(ConfigError, match="lists of ids hold one split, the plan 2 repeats"):
        write_split(path, plan(TARGET, ids_N=IDS, repeats=2), IDS)
    with pytest.raises(DataError, match="cannot stand in a line of its own"):
        write_split(tmp_path / "new_*.txt", plan(TARGET, ids_N=IDS), np.char.add(IDS, "\n"))
