"""What a line says of a run directory: finished, in training, killed, damaged."""

import json
import socket
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from tests.search.run_cases import FOCAL, begun_run, done_fold, finished_run
from trainer.store.lock import FoldLock
from trainer.store.run_records import read_record


def state(run):
    record = read_record(run, run.name)
    return record.state, record.reason


def test_a_finished_run_has_its_figures_and_the_names_of_its_parts(tmp_path):
    record = read_record(finished_run(tmp_path / "a1", 0.75, **FOCAL), "a1")
    assert (record.state, record.reason, record.n_done, record.n_folds, record.seconds) == ("finished", "", 3, 3, 2.0)
    assert record.figures("accuracy")[2:] == pytest.approx((0.75, 0.65, 0.85))
    assert record.figures("roc_auc") is None
    assert (record.config["loss"], record.config["optimizer"], record.config["max_epochs"]) == ("focal", "AdamW", 3)
    assert (record.data, record.folds, record.about) == ("d" * 64, "f" * 64, "flowers, 90 rows")


def test_folds_that_are_missing_wait_or_were_interrupted_or_failed(tmp_path):
    run = begun_run(tmp_path / "a1")
    assert state(run) == ("waiting", "folds 0,1,2 not begun")
    done_fold(run, 0)
    done_fold(run, 2, max_epochs=9, epochs=1)  # stopped early
    assert state(run) == ("waiting", "fold 1 not begun")
    done_fold(run, 1, max_epochs=2, epochs=2)
    assert state(run) == ("interrupted", "fold 1: done with 2 of 3 epochs")
    (run / "fold_1" / "DONE").unlink()
    (run / "fold_1" / "step-00000007.pt").touch()
    assert state(run) == ("interrupted", "fold 1: stopped in training")
    (run / "fold_1" / "DIVERGED").write_text("diverged: the loss is not finite\n")
    assert state(run) == ("failed", "fold 1: diverged: the loss is not finite")
    (run / "fold_1" / "DIVERGED").unlink()
    (run / "fold_1" / "step-00000007.pt").unlink()
    (run / "fold_1").rmdir()
    done_fold(run, 1)
    assert state(run) == ("waiting", "all folds are there: foldwise merge")
    assert read_record(run, "a1").seconds == pytest.approx(4.5)


def test_a_fold_that_another_process_writes_is_running_until_that_process_is_gone(tmp_path):
    run = begun_run(tmp_path / "a1")
    holder = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with FoldLock(run / "fold_0"):
        lock = json.loads((run / "fold_0" / "LOCK").read_text())
        ticks = Path(f"/proc/{holder.pid}/stat").read_text().rpartition(")")[2].split()[19]
        (run / "fold_0" / "LOCK").write_text(json.dumps({**lock, "pid": holder.pid, "started": ticks}))
    assert state(run) == ("running", f"fold 0: on {socket.gethostname()} (pid {holder.pid})")
    holder.communicate(b"\n")
    assert state(run) == ("interrupted", "fold 0: stopped in training")


DAMAGES = {
    "no manifest.json": lambda run: (run / "manifest.json").unlink(),
    "no folds.json": lambda run: (run / "folds.json").unlink(),
    "manifest.json is damaged: JSONDecodeError": lambda run: (run / "manifest.json").write_text('{"iden'),
    "manifest.json is damaged: it was changed": lambda run: change(run / "manifest.json", "max_epochs", "max_epochz"),
    "cv.json is damaged: JSONDecodeError": lambda run: (run / "cv.json").write_text(""),
    "damaged, or of another version of Foldwise": lambda run: (run / "cv.json").write_text("[]"),
    "cv.json is of another split": lambda run: change(run / "cv.json", "ffff", "eeee"),
    "cv.json is a symbolic link": lambda run: link(run / "cv.json"),
}


def change(path, before, after):
    path.write_text(path.read_text().replace(before, after))


def link(path):
    path.unlink()
    path.symlink_to("/etc/hostname")


@pytest.mark.parametrize("reason", DAMAGES)
def test_what_is_damaged_is_told_in_a_few_words(tmp_path, reason):
    run = finished_run(tmp_path / "a1", 0.75)
    DAMAGES[reason](run)
    record = read_record(run, "a1")
    assert record.state == "broken"
    assert record.reason.startswith(reason)
    assert len(record.reason) <= 100
    assert str(tmp_path) not in json.dumps(asdict(record))
