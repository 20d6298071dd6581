"""The tests of the faults can fail: what differs is seen, and what a fault leaves is seen."""

import copy
import json
import shutil
import subprocess
import sys

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import Node, OmegaConf

from tests.composed_once import REAL_COPIES
from tests.faults import harness, scoreboard
from tests.faults.fingerprints import differing, fingerprint, leftovers
from tests.faults.harness import battery, train
from tests.faults.in_turn import InTurn
from tests.places import CONF
from trainer.config.compose import register_schema

QUICKEST = (
    "data=iris",
    "max_epochs=1",
    "model.hidden=[8]",
    "cv.n_splits=2",
    "audit=off",
    "baseline=off",
    "preflight=off",
    "profile.enabled=false",
)


@pytest.fixture(scope="module")
def expected(shop):
    train(shop, "run=one", "tracker.name=none", *QUICKEST)
    return fingerprint(shop.runs / "one")


@pytest.fixture
def copied(shop, expected, tmp_path):
    return shutil.copytree(shop.runs / "one", tmp_path / "copy")


def test_one_changed_bit_of_a_weight_is_seen(copied, expected):
    assert differing(copied, expected) == []
    weights = copied / "fold_1/model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-3] ^= 1
    weights.write_bytes(data)
    assert differing(copied, expected) == ["fold_1/model.safetensors"]


def test_a_changed_number_of_the_metrics_is_seen_and_another_time_is_not(copied, expected):
    log = copied / "fold_0/metrics.jsonl"
    values = json.loads(log.read_text())
    log.write_text(json.dumps(values | {"seconds": values["seconds"] + 1}))
    assert differing(copied, expected) == []
    log.write_text(json.dumps(values | {"train_loss": values["train_loss"] * (1 + 1e-15)}))
    assert differing(copied, expected) == ["fold_0/metrics.jsonl"]
    result = json.loads((copied / "cv.json").read_text())
    result["metrics"]["accuracy"]["oof"] += 1e-15
    (copied / "cv.json").write_text(json.dumps(result))
    assert differing(copied, expected) == ["cv.json", "fold_0/metrics.jsonl"]


def test_a_missing_fold_and_a_missing_result_are_seen(copied, expected):
    shutil.rmtree(copied / "fold_1")
    (copied / "cv.json").unlink()
    names = {"model.safetensors", "oof.parquet", "preprocess.json", "metrics.jsonl"}
    assert differing(copied, expected) == sorted({f"fold_1/{name}" for name in names} | {"cv.json", "oof.parquet"})


def test_another_seed_is_seen_in_all_that_depends_on_it(shop, expected):
    train(shop, "run=two", "seed=1", "tracker.name=none", *QUICKEST)
    same = set(expected) - set(differing(shop.runs / "two", expected))
    assert same == {"fold_0/preprocess.json", "fold_1/preprocess.json"}


def test_half_written_files_and_locks_are_seen(copied):
    assert leftovers(copied) == []
    (copied / "fold_0/oof.parquet.tmp.12-abc").touch()
    (copied / "fold_0/LOCK").touch()
    (copied / "fold_1/step-00000001.pt").touch()
    assert leftovers(copied, finished=False) == ["fold_0/LOCK", "fold_0/oof.parquet.tmp.12-abc"]
    assert leftovers(copied) == ["fold_0/LOCK", "fold_0/oof.parquet.tmp.12-abc", "fold_1/step-00000001.pt"]


@pytest.mark.battery
def test_a_run_from_scratch_and_a_forked_one_are_the_same(shop, expected):
    train(shop, "run=scratch", "tracker.name=none", *QUICKEST, forked=False)
    assert differing(shop.runs / "scratch", expected) == []


def test_what_is_wrong_is_counted_shown_and_fails(tmp_path, monkeypatch):
    monkeypatch.setattr(harness, "RECORDS", tmp_path / "records.jsonl")
    monkeypatch.setenv("FOLDWISE_BATTERY_F1", "5")

    def one(number, figures):
        figures["kills"] += 2
        assert number != 3, "other bits"

    with pytest.raises(AssertionError, match="number 3: other bits"):
        battery("F1", "runs killed", 300, one)
    found = json.loads(harness.RECORDS.read_text())
    assert (found["tried"], found["good"], found["figures"]) == (5, 4, {"kills": 10})
    before = PAGE.format(rows="| F1 | an older line | 2025-01-01 | 3 | 3 | by hand |")
    page = scoreboard.updated(before, [found])
    assert "| F1 | an older line | 2025-01-01 | 3 | 3 | by hand |\n| F1 | SIGKILL at random times" in page
    assert "| 5 | 4 | kills: 10 |\n\n## On clusters\n\nWritten by hand.\n" in page
    assert "torch DCP: 0 of 12 | 1 of 5 runs, with 0 kills during a save |\n" in page
    assert scoreboard.updated(page, [{**found, "tried": 7, "good": 7}]).count("| F1 |") == 2
    with pytest.raises(ValueError, match="the table of the faults is not there"):
        scoreboard.updated("# Robustness\n", [found])


def python(code):
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "start_new_session": True}
    return subprocess.Popen([sys.executable, "-c", code], **pipes)


@pytest.mark.parametrize("code", ["import time; time.sleep(60)", "while True: pass"])
def test_a_line_that_hangs_is_killed(tmp_path, code):
    runner = InTurn(tmp_path, seconds=0.5, idle_seconds=0.5, process=python(code))
    ended = runner.run(["x"])
    assert (ended.code, ended.err.partition(" after ")[0]) == (None, "killed")
    assert runner.process is None


def test_a_line_that_waits_for_a_core_is_waited_for(tmp_path):
    slow = 'import time\nfor _ in range(15): time.sleep(0.1); sum(range(10**6))\nprint(\'[0, "out", ""]\', flush=True)'
    runner = InTurn(tmp_path, seconds=60, idle_seconds=1, process=python(slow))
    ended = runner.run(["x"])
    runner.close()
    assert (ended.code, ended.out) == (0, "out")
    assert ended.seconds > 1


PAGE = """\
# Robustness

| | fault | date | tried | good | figures |
|---|---|---|---:|---:|---|
{rows}

## On clusters

Written by hand.

| fault | others | here |
|---|---|---|
| newest checkpoint unusable after SIGKILL | torch DCP: 0 of 12 | not tried |
"""


def test_what_is_written_by_hand_stays_on_the_page():
    page = scoreboard.PAGE.read_text(encoding="utf-8")
    assert scoreboard.updated(page, []) == page
    found = {"fault": "F7", "what": "a test's own", "tried": 3, "good": 3, "date": "2026-01-01", "figures": {}}
    lines = scoreboard.updated(page, [found]).splitlines()
    lines.remove(scoreboard.row(found))
    assert lines == page.splitlines()


def laid_open(node):
    """All that OmegaConf keeps in a configuration, nodes by their kinds; parents are told by their places alone."""
    if not isinstance(node, Node):
        return type(node), node
    parts = {**node.__dict__, "_parent": None, "_flags_cache": None}
    if isinstance(parts.get("_content"), dict):
        parts["_content"] = {key: laid_open(one) for key, one in parts["_content"].items()}
        assert all(one._get_parent() is node for one in node.__dict__["_content"].values())
    elif isinstance(parts.get("_content"), list):
        parts["_content"] = [laid_open(one) for one in parts["_content"]]
        assert all(one._get_parent() is node for one in node.__dict__["_content"])
    return type(node), parts


def test_a_configuration_is_copied_as_it_is_without_the_tests(monkeypatch):
    register_schema()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        composed = compose("config", overrides=["data=csv_text", "+plugins=[a,b]"], return_hydra_config=True)
    OmegaConf.set_readonly(composed.amp, True)
    copied = copy.deepcopy(composed)
    for kind, real in REAL_COPIES.items():
        assert kind.__deepcopy__ is not real  # the tests' own is in place
        monkeypatch.setattr(kind, "__deepcopy__", real)
    assert laid_open(copied) == laid_open(copy.deepcopy(composed)) == laid_open(composed)
    copied.cv.n_splits, copied.hydra.job.name = 7, "other"
    assert composed.cv.n_splits != 7
