"""A table that stays on the disk trains to the same bits as one in memory; one that will not fit is told of."""

import gc
import json
import weakref
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from tests.faults.fingerprints import fingerprint, leftovers
from trainer.data import table_columns
from trainer.data.preprocess import table as table_preprocess
from trainer.engine import checkpointer
from trainer.metrics import pooled
from trainer.run import cross_validate, files_of_run, merge, table_memory
from trainer.run.experiment import Experiment
from trainer.store import checkpoints, fold_files, run_files
from trainer.system import mapped_arrays

N = 600
COMMON = (
    "data=csv_tabular",
    "data.path=table.parquet",
    "data.label=label",
    "cv.n_splits=3",
    "max_epochs=2",
    "model.hidden=[8]",
    "batch_size=64",
    "profile=off",
    "preflight=off",
    "tracker=none",
    "baseline=off",
    "device=cpu",
)
RUNS = {
    "as it comes": ("cv.parallel=1", "cv.stack=off"),
    "folds side by side": ("cv.parallel=2",),
    "folds in a stack": ("cv.stack=8", "cv.parallel=1"),
    "groups": ("cv=stratified_group", "data.group=who", "cv.parallel=1", "cv.select=inner"),
    "times and weights": ("cv=time", "data.time=when", "data.weight=heavy", "cv.parallel=1"),
    "ids, rows without a label": (
        *("data.id=key", "data.missing_labels=[no]", "data.exclude=out.txt", "cv.parallel=1"),
        "data.label=third",
    ),
    "a number": ("data.label=x2", "data.task=regression", "loss=mse", "cv=kfold", "cv.parallel=1"),
    "copies grouped": ("cv.group=auto_duplicates", "cv=stratified_group", "data.drop=[x0,x1,x2,key]", "cv.parallel=1"),
    "numbers only": ("data.drop=[town,many,who,money,when,key]", "data.categorical=[]", "cv.parallel=1", "cv=holdout"),
    "words only": ("data.drop=[x*,whole,flag,money,when,heavy,key]", "cv.parallel=1", "seed=[1,2]"),
}


@pytest.fixture
def table(tmp_path) -> Path:
    """Rows of all kinds in seven row groups, and a list of ids to leave out."""
    random = np.random.default_rng(0)
    x_NF = random.normal(size=(N, 3))
    columns = {f"x{place}": pa.array(x_NF[:, place], mask=random.random(N) < 0.1 * place) for place in range(3)}
    columns["x2"] = columns["x2"].fill_null(0.5)
    columns["whole"] = pa.array(random.integers(0, 9, N).astype(np.int16))
    columns["flag"] = pa.array(random.random(N) < 0.5)
    columns["when"] = pa.array(np.datetime64("2020-01-01") + random.integers(0, 900, N).astype("timedelta64[D]"))
    columns["town"] = pa.array(np.array(["Rome", "Oslo", "Bern", None], object)[random.integers(0, 4, N)])
    columns["many"] = pa.array([f"word {code}" for code in random.integers(0, 200, N)]).dictionary_encode()
    columns["money"] = pa.array([f"${value:.2f}" for value in random.random(N) * 100])
    columns["who"] = pa.array([f"person {code}" for code in random.integers(0, 60, N)])
    columns["heavy"] = pa.array(random.integers(1, 5, N).astype(np.float64))
    columns["key"] = pa.array([f"r{place:03d}" for place in random.permutation(N)])
    told = x_NF[:, 0] + random.normal(size=N) > 0
    columns["label"] = pa.array(np.where(told, "yes", "other"))
    columns["third"] = pa.array(np.where(random.random(N) < 0.1, "no", np.where(told, "yes", "other")))
    file = tmp_path / "table.parquet"
    parquet.write_table(pa.table(columns), file, row_group_size=97)
    (tmp_path / "out.txt").write_text("r007\nr123\n")
    return file


@pytest.fixture
def _little_at_a_time(monkeypatch):
    """So that these few rows take several turns of everything that is done some rows at a time."""
    monkeypatch.setattr(mapped_arrays, "CHUNK_ROWS", 113)
    monkeypatch.setattr(table_columns, "COPIED_ROWS", 89)
    monkeypatch.setattr("trainer.run.identify.CHUNK_CELLS", 501)


def run(train, *options):
    outcome = train(*COMMON, *options)
    assert outcome.code == 0, outcome.err
    return outcome


@pytest.mark.parametrize("kind", RUNS)
@pytest.mark.usefixtures("table", "without_pictures", "_little_at_a_time")
def test_the_bits_are_those_of_a_run_in_memory(train, tmp_path, kind, monkeypatch):
    run(train, "run=memory", *RUNS[kind])
    monkeypatch.setattr(table_preprocess, "MOST_CELLS", 0)
    monkeypatch.setattr(table_preprocess, "FEW_CELLS", 0)
    monkeypatch.setattr(files_of_run, "MOST_KEPT", 0)
    monkeypatch.setattr(run_files, "MANY_ROWS", 0)
    monkeypatch.setattr(pooled, "MANY_ROWS", 0)
    monkeypatch.setattr(fold_files, "MAPPED_ROWS", 0)
    outcome = run(train, "run=disk", "data.in_memory=false", *RUNS[kind])
    assert "features lie in" in outcome.out
    memory, disk = tmp_path / "runs/memory", tmp_path / "runs/disk"
    assert fingerprint(disk) == fingerprint(memory)
    assert leftovers(disk) == []
    for name in ("rows.parquet", "folds.json", "training_rows.json"):
        assert (disk / name).read_bytes() == (memory / name).read_bytes()
    one, other = (json.loads((place / "manifest.json").read_text()) for place in (memory, disk))
    assert one["identity"] == other["identity"]
    assert one["audit"] == other["audit"]
    assert [path for path in (tmp_path / "runs/.cache").rglob("*") if path.is_file()] == []


class Killed(BaseException):
    """Stands for SIGKILL right after a save."""


@pytest.mark.usefixtures("table", "without_pictures")
@pytest.mark.parametrize(("begun", "went_on"), [("false", "false"), ("false", "true"), ("true", "false")])
def test_a_killed_run_goes_on_wherever_its_rows_lie(train, tmp_path, monkeypatch, begun, went_on):
    options = ("cv.parallel=1", "checkpoint.every_n_steps=1", "checkpoint.background=false")
    run(train, "run=straight", *options)
    saves, real = [], checkpoints.save

    def dying(*arguments):
        real(*arguments)
        saves.append(1)
        if len(saves) == 9:
            raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):  # noqa: PT012
        patch.setattr(checkpointer.checkpoints, "save", dying)
        train(*COMMON, "run=again", f"data.in_memory={begun}", *options)
    run(train, "run=again", f"data.in_memory={went_on}", *options)
    assert fingerprint(tmp_path / "runs/again") == fingerprint(tmp_path / "runs/straight")


@pytest.mark.usefixtures("table", "without_pictures")
def test_such_a_run_predicts_and_verifies(train, tmp_path):
    from trainer.inference.verify import verify

    run(train, "run=disk", "data.in_memory=false", "cv.parallel=1")
    checks = verify(tmp_path / "runs/disk")
    assert [check.n_equal for check in checks] == [check.n_rows for check in checks] == [N // 3] * 3


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("data/preprocess=raw", "data.in_memory=false goes with data/preprocess=table"),
        ("pseudo.path=table.parquet", "pseudo.path needs the labelled rows in memory"),
        ("baseline=linear", "baseline=linear is for tables and texts, and these inputs are on the disk"),
        ("data.path=table.csv", "data.in_memory=false reads Parquet"),
    ],
)
def test_what_needs_the_rows_in_memory_is_refused(train, tmp_path, option, message):
    (tmp_path / "table.csv").write_text("x0,label\n1,a\n2,b\n")
    outcome = train(*COMMON, "data.in_memory=false", option)
    assert outcome.code == 2
    assert message in outcome.err


@pytest.mark.usefixtures("table", "without_pictures")
def test_a_table_that_will_not_fit_is_told_before_it_is_read(train, monkeypatch):
    told = "table.parquet: 600 rows and 14 columns take about 0.0 GiB of memory, and 0.0 GiB are free: data.in_memory"
    assert told not in run(train, "run=much", "cv.parallel=1").out
    monkeypatch.setattr(table_memory, "available_bytes", lambda: 600 * 14 * 16 + 600 * 200 - 1)
    little = run(train, "run=little", "cv.parallel=1").out
    assert told in little.replace("\n", " ")
    assert little.index("data.in_memory=false") < little.index("labels: ")
    assert told not in run(train, "run=disk", "cv.parallel=1", "data.in_memory=false").out


@pytest.mark.usefixtures("table", "without_pictures")
def test_rows_are_let_go_of_before_predictions_are_merged_and_these_lie_in_files(train, monkeypatch):
    monkeypatch.setattr(pooled, "MANY_ROWS", 0)
    monkeypatch.setattr(fold_files, "MAPPED_ROWS", 0)
    made, alive, in_files, released = [], [], [], []
    real_finish, real_init, real_file = cross_validate.finish, Experiment.__init__, mapped_arrays.ArrayFile.__init__

    def init(self, *arguments, **named):
        real_init(self, *arguments, **named)
        made.append(weakref.ref(self))

    def finish(*arguments):
        gc.collect()
        alive.extend(one() for one in made if one() is not None)
        return real_finish(*arguments)

    def opened(self, directory):
        in_files.append(directory)
        real_file(self, directory)

    monkeypatch.setattr(Experiment, "__init__", init)
    monkeypatch.setattr(cross_validate, "finish", finish)
    monkeypatch.setattr(merge.arrow_files, "release", lambda: released.append(len(in_files)))
    monkeypatch.setattr(mapped_arrays.ArrayFile, "__init__", opened)
    run(train, "run=rows", "cv.parallel=1", "cv.n_splits=2")
    assert made
    assert alive == []
    of_folds, together = 2 * len(("row", "logits", "proba", "loss")), len(("fold", "logits", "proba", "loss"))
    assert in_files.count(Path("runs/rows")) == of_folds + together
    assert released == [len(in_files)]  # when all is read
