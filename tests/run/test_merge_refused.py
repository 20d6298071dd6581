"""What is not of one run is refused: the field, both values and what to do are named, and nothing is written."""

import hashlib
import json
import random
import shutil

import numpy as np
import pytest

from tests.run.merge_cases import (
    IDENTITY,
    TARGET,
    changed,
    contents,
    fold_result,
    make_plan,
    make_run,
    manifest,
    rewrite_fold,
)
from trainer.cli.main import main as foldwise
from trainer.store.run_files import rows_table
from trainer.system.files import sealed


@pytest.fixture
def refused(capsys):
    """``refused(run, ...)``: merge them, which fails with exit code 4; returns what is printed."""

    def call(*arguments):
        before = contents(arguments[0]) if arguments[0].exists() else {}
        capsys.readouterr()
        code = foldwise(["merge", *map(str, arguments)])
        message = capsys.readouterr().err
        assert code == 4, message
        assert message.startswith("checkpoint error: ")
        assert 1 <= len(message.splitlines()) <= 5, message
        if arguments[0].exists():
            assert contents(arguments[0]) == before
        return message

    return call


@pytest.mark.parametrize(
    ("section", "key", "value", "line"),
    [
        ("config", "optimizer.lr", 0.5, "optimizer.lr: 0.5 there, 0.01 here"),
        ("config", "loss.gamma", 2, "loss.gamma: 2 there, absent here"),
        ("software", "torch", "2.10.0", "torch: 2.10.0 there, 2.14.1 here"),
        ("software", "code of the engine", "xyz", "code of the engine: xyz there, abc here"),
        ("content", "data (sha256)", "e" * 64, "data (sha256): eeeeeeeeeeee... there, dddddddddddd... here"),
    ],
)
@pytest.mark.parametrize("where", ["directory", "fold of the copy", "fold of the run"])
def test_another_identity(tmp_path, refused, section, key, value, line, where):
    run, other = make_run(tmp_path / "a1", (0, 1)), make_run(tmp_path / "b", (2, 3, 4))
    odd = changed(section, key, value)
    if where == "directory":
        shutil.rmtree(other)
        make_run(other, (2, 3, 4), identity=odd)
        place, advice = other, f"leave {other} out"
    else:
        place = {"fold of the copy": other / "fold_4", "fold of the run": run / "fold_1"}[where]
        rewrite_fold(place.parent, int(place.name[-1]), identity=odd)
        advice = f"delete {place} and run cv.fold={place.name[-1]} again"
    message = refused(run, other)
    assert f"{place} does not fit {run}:" in message
    assert line in message.splitlines()
    assert advice in message
    if section == "content":
        assert "data and folds may never differ" in message
        assert line in refused(run, other, "--force")
    else:
        assert "--force joins them all the same" in message


def test_several_differences_show_data_first_and_how_many_more(tmp_path, refused):
    odd = changed("content", "data (sha256)", "e" * 64, changed("config", "batch_size", 9))
    odd = changed("config", "optimizer.lr", 1, changed("software", "torch", "3", odd))
    lines = refused(make_run(tmp_path / "a1"), make_run(tmp_path / "b", identity=odd)).splitlines()
    assert lines[1].startswith("data (sha256): ")
    assert lines[2] == "batch_size: 9 there, 8 here"
    assert lines[3] == "... and 2 more"


def test_another_split(tmp_path, refused):
    plan = make_plan()
    run = make_run(tmp_path / "a1", (0, 1))
    other = changed("content", "folds (fingerprint)", "9" * 64)
    copy = make_run(
        tmp_path / "b", (2, 3, 4), identity=other, plan=type(plan)(**{**vars(plan), "fingerprint": "9" * 64})
    )
    for force in ([], ["--force"]):
        message = refused(run, copy, *force)
        assert "folds (fingerprint): 999999999999... there, ffffffffffff... here" in message
        assert "data and folds may never differ" in message


def test_a_split_file_that_was_changed(tmp_path, refused):
    run, other = make_run(tmp_path / "a1", (0, 1)), make_run(tmp_path / "b", (2, 3, 4))
    plan = make_plan()
    row = int(np.flatnonzero(plan.fold_of_row[0] == 2)[0])
    plan.fold_of_row[0, row] = 3
    (other / "folds.json").write_text(plan.to_json())
    message = refused(run, other, "--force")
    assert f"{other}/folds.json does not fit {run}/folds.json" in message
    assert f"fold of row {row} in repeat 0: 3 there, 2 here" in message
    (run / "folds.json").write_text(plan.to_json().replace("f" * 64, "9" * 64))
    assert "folds (fingerprint) 999999999999... in it, ffffffffffff... in manifest.json" in refused(run)


def test_a_fold_in_two_directories_with_different_predictions(tmp_path, refused):
    run, other = make_run(tmp_path / "a1", (0, 1, 2)), make_run(tmp_path / "b", (2, 3, 4))
    rewrite_fold(other, 2, seed=1, identity=changed("hardware", "threads", 4))
    for force in ([], ["--force"]):
        message = refused(run, other, *force)
        assert "fold 2 was finished twice, with different predictions" in message
        assert f"{run}/fold_2 (cpu with 1 thread)" in message
        assert f"{other}/fold_2 (cpu with 4 threads)" in message
        assert "delete the other" in message


def test_a_fold_trained_longer_than_the_run(tmp_path, refused):
    run, other = make_run(tmp_path / "a1", (0, 1)), make_run(tmp_path / "b", (2, 3, 4))
    rewrite_fold(other, 3, n_epochs=5, identity=changed("length", "max_epochs", 5))
    message = refused(run, other)
    assert f"{other}/fold_3 does not fit {run}:" in message
    assert "max_epochs: 5 there, 3 here" in message


def test_a_fold_that_holds_other_rows_out(tmp_path, refused):
    run = make_run(tmp_path / "a1")
    part = fold_result(make_plan(), 2)
    cut = {name: getattr(part, name)[1:] for name in ("rows", "logits", "proba", "loss")}
    rewrite_fold(run, 2, **cut)
    message = refused(run, "--force")
    assert f"{run}/fold_2 does not predict the rows that fold 2 holds out" in message
    assert f"1 missing, 0 others (row {part.rows[0]} is the first)" in message
    assert "run cv.fold=2 again" in message
    shutil.rmtree(run / "fold_2")
    shutil.copytree(run / "fold_1", run / "fold_2")
    assert "holds fold 1 of repeat 0, not fold 2 of repeat 0" in refused(run)


def put_rows(run, data):
    """Put other rows into a run as if it had been written with them."""
    (run / "rows.parquet").write_bytes(data)
    facts = {**manifest(run), "sha256": {"rows.parquet": hashlib.sha256(data).hexdigest()}}
    (run / "manifest.json").write_bytes(sealed(facts))


def test_rows_that_are_not_those_of_the_training(tmp_path, refused):
    run = make_run(tmp_path / "a1")
    wrong = TARGET.copy()
    wrong[make_plan().rows(0, 3)[1][:2]] = 0, 1
    ids = np.array([f"row{i}" for i in range(len(TARGET))])
    put_rows(run, rows_table(ids, wrong))
    message = refused(run)
    assert f"{run}/rows.parquet does not fit {run}/fold_3: " in message
    put_rows(run, rows_table(ids[1:], TARGET[1:]))
    assert "has 29 rows, folds.json 30" in refused(run)
    put_rows(run, rows_table(ids, TARGET + 2**40))
    assert "rows.parquet is damaged: labels outside of 0..2" in refused(run)
    (run / "rows.parquet").write_bytes(rows_table(ids, TARGET).replace(b"row9", b"row8"))
    assert "rows.parquet is damaged" in refused(run)


def test_rows_that_differ_between_the_directories(tmp_path, refused):
    run, other = make_run(tmp_path / "a1", (0, 1)), make_run(tmp_path / "b", (2, 3, 4))
    ids = np.array([f"row{i}" for i in range(len(TARGET))])
    put_rows(other, rows_table(np.where(ids == "row9", "row8", ids), TARGET))
    message = refused(run, other, "--force")
    assert f"{other}/rows.parquet does not fit {run}/rows.parquet: row 9 is 'row8', label 0 there, 'row9'" in message


def test_models_with_different_outputs_even_by_force(tmp_path, refused):
    run, other = make_run(tmp_path / "a1", (0, 1, 2, 3)), make_run(tmp_path / "b", (4,))
    rewrite_fold(other, 4, logits=fold_result(make_plan(), 4).logits[:, :2])
    message = refused(run, other, "--force")
    assert f"3 logits per row: {run}" in message
    assert f"2 logits per row: {other}/fold_4" in message


def test_what_is_no_run(tmp_path, refused):
    run = make_run(tmp_path / "a1")
    (tmp_path / "empty").mkdir()
    for place in (tmp_path / "nothing", tmp_path / "empty", run / "fold_0"):
        assert f"{place} is not a run directory" in refused(run, place)
        assert f"{place} is not a run directory" in refused(place, run)
    older = manifest(run)
    del older["identity"]
    (run / "manifest.json").write_bytes(sealed(older))
    assert "manifest.json has no 'identity.config': damaged, or of another version" in refused(run)
    (run / "manifest.json").write_bytes(sealed(older).replace(b"multiclass", b"multilabel"))
    assert "manifest.json is damaged: it was changed after it was written" in refused(run)
    (run / "manifest.json").write_text("{")
    assert "manifest.json is damaged" in refused(run)
    (run / "folds.json").write_text("{}")
    (run / "manifest.json").write_bytes(sealed({**older, "identity": IDENTITY}))
    assert "folds.json is damaged" in refused(run)


@pytest.mark.parametrize("name", ["DONE", "oof.parquet", "model.safetensors"])
@pytest.mark.parametrize("where", ["run", "copy"])
def test_a_flipped_bit(tmp_path, refused, name, where):
    run, other = make_run(tmp_path / "a1", (0, 1)), make_run(tmp_path / "b", (2, 3, 4))
    victim = {"run": run / "fold_1", "copy": other / "fold_3"}[where] / name
    data, rng = victim.read_bytes(), random.Random(0)
    for _ in range(6):
        bit = rng.randrange(8 * len(data))
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        if name == "DONE" and _same_values(bytes(flipped), data):  # 1e-05 and 1E-05
            continue
        victim.write_bytes(bytes(flipped))
        message = refused(run, other)
        assert f"{victim} is damaged" in message
        assert f"delete {victim.parent} and run cv.fold=" in message


def _same_values(one: bytes, two: bytes) -> bool:
    try:
        return bool(json.loads(one) == json.loads(two))
    except ValueError:
        return False


def test_a_file_that_is_gone(tmp_path, refused):
    run = make_run(tmp_path / "a1")
    (run / "fold_2/model.safetensors").unlink()
    assert f"{run}/fold_2/model.safetensors is missing" in refused(run)
