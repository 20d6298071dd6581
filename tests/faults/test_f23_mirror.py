"""F23: a machine dies while it trains: what its copy holds (``paths.mirror``) goes on elsewhere to the same bytes."""

import time

import pytest

from tests.faults.harness import QUICK, Workshop, kill, start, train, wait_for
from tests.run.merge_cases import sha
from trainer.store.object_store import pull

ARGUMENTS = ("data=wine", "max_epochs=60", "model.hidden=[64,64]", *QUICK)
SAVING = ("checkpoint.every_n_steps=5", "checkpoint.every_n_epochs=null")


@pytest.mark.battery
@pytest.mark.parametrize("killed_in", [0, 1])
def test_what_a_machine_has_sent_before_it_died_goes_on_on_another(shop, killed_in):
    train(shop, "run=whole", *ARGUMENTS)
    run, copy, other = (shop.directory / f"{name}{killed_in}" for name in ("runs/a", "bucket/a", "other"))
    process = start(shop, f"run={run.name}", *ARGUMENTS, *SAVING, f"paths.mirror=file://{copy.parent}", forked=False)
    assert wait_for(lambda: list(run.glob(f"fold_{killed_in}/step-*.json")), process)
    assert kill(process) == -9
    newest = max(path.name for path in run.glob(f"fold_{killed_in}/step-*.json"))
    wait_for(lambda: list(copy.glob(f"fold_{killed_in}/{newest}.*")) and (copy / "foldwise-run.json").exists())
    time.sleep(1)  # the rest, and its indices
    pull(f"file://{copy}", other / "runs" / run.name)
    assert (other / "runs" / run.name / f"fold_{killed_in}" / newest).exists()
    train(Workshop(other, shop.server), f"run={run.name}", *ARGUMENTS, *SAVING)
    assert sha(other / "runs" / run.name / "oof.parquet") == sha(shop.runs / "whole/oof.parquet")
