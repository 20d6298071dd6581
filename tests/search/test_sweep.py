import json
import subprocess
import sys

import pytest

from tests.places import REPOSITORY

SHORT = ["max_epochs=1", "runtime.progress=off", "profile=off", "tracker=none", "baseline=off", "runtime.threads=1"]


def train(tmp_path, *arguments):
    command = [sys.executable, str(REPOSITORY / "train.py"), *SHORT, *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=300)


@pytest.mark.battery  # four fresh processes, one after the other half a minute of them
def test_jobs_side_by_side_share_a_leaderboard_and_a_failed_one_is_told(tmp_path):
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    swept = train(tmp_path, "-m", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "loss=focal,bce", "run=swept")
    alone = train(tmp_path, "loss=focal", "run=alone")
    assert (swept.returncode, alone.returncode) == (2, 0), swept.stderr + alone.stderr
    assert "job 1 failed: configuration error: loss=bce does not fit a multiclass task" in swept.stderr
    (sweep,) = (tmp_path / "runs" / "sweeps").iterdir()
    jobs = [json.loads((sweep / "jobs" / f"{number}.json").read_text()) for number in (0, 1)]
    assert [job["status"] for job in jobs] == ["done", "failed"]
    predictions = [(tmp_path / "runs" / run / "oof.parquet").read_bytes() for run in ("swept", "alone")]
    assert predictions[0] == predictions[1]
    assert "  parallel: 1\n" in (tmp_path / "runs" / "swept" / "config.yaml").read_text()
