import io
import json
from dataclasses import replace

import pytest
from rich.console import Console

from trainer.profiler.counts import Missed, ModuleRow
from trainer.profiler.model import ModelProfile, cost_estimate
from trainer.report.profile_table import memory, quantity, show

FULL = ModelProfile(
    batch_rows=4,
    params=25_557_032,
    params_trainable=25_000_000,
    params_embedding=500_000,
    flops=21_369_585_664,
    thop_macs=10_801_192_960,
    thop_params=25_057_032,
    thop_batchnorm_macs=116_129_792,
    modules=(ModuleRow("layer4.conv2", "Conv2d", 2_359_296, 603_979_776, 301_989_888, 2_359_296),),
    missed=(Missed("Embedding", 1, 500_000, 0), Missed("SelfAttention", 12, 0, 4_000_000)),
    param_bytes=100 * 2**20,
    grad_bytes=100 * 2**20,
    optimizer_bytes=200 * 2**20,
    activation_bytes=2**30,
    peak_bytes=1424 * 2**20,
    train_step_seconds=0.5,
    eval_batch_seconds=2.0,
    problems=("thop: KeyError: total_ops",),
)


def printed(profile, of_all=None):
    console = Console(width=80, record=True, file=io.StringIO())
    show(json.loads(json.dumps(profile.to_dict())), of_all, console)
    text = console.export_text()
    assert all(len(line) <= 80 for line in text.splitlines())
    return " ".join(text.split())


def test_both_counters_stand_side_by_side_with_what_thop_left_out():
    text = printed(FULL)
    assert "parameters 25.557M 25.000M trainable, 500.00k in embeddings" in text
    assert "parameters by thop 25.057M not counted: 1 Embedding (500.00k)" in text
    assert "FLOPs, forward 21.370G 10.685G MACs" in text
    assert "MACs by thop, forward 10.801G no MACs for the FLOPs of 12 SelfAttention (4.000M)" in text
    assert "BatchNorm at 4 per element; thop 0.0.31 took 2: 10.743G" in text
    assert "layer4.conv2 Conv2d 2.359M 603.980M 301.990M" in text


def test_memory_time_and_problems():
    text = printed(FULL)
    assert "peak memory, estimated 1.4 GiB" in text
    assert "optimizer 200.0 MiB, activations 1.0 GiB" in text
    assert "training step 500.00 ms evaluation batch 2.0 s" in text
    assert "not measured: thop: KeyError: total_ops" in text


@pytest.mark.parametrize(
    ("policy", "threads", "said"),
    [
        ("passive", 1, "more: other work keeps the cores busy"),
        ("passive", 2, "busy; runtime.threads=1 instead of 2 lets steps wait less"),
        ("active", 2, "busy; OMP_WAIT_POLICY=passive before the command, or runtime.threads=1 instead of 2"),
    ],
)
def test_steps_of_which_some_take_far_longer_say_what_helps(monkeypatch, policy, threads, said):
    monkeypatch.setenv("OMP_WAIT_POLICY", policy)
    even = replace(FULL, train_step_slow_seconds=1.4, threads=threads, train_step_cores=0.6)
    assert "one in ten" not in printed(even)
    text = printed(replace(even, train_step_slow_seconds=1.6))
    assert "training step 500.00 ms one in ten took 1.6 s or" in text
    assert said in text
    rows_of_many_lengths = replace(even, train_step_slow_seconds=1.6, train_step_cores=float(threads))
    assert "one in ten" not in printed(rows_of_many_lengths)


def test_the_bill():
    of_all = cost_estimate(FULL, train_batches_per_fold=100, eval_batches_per_fold=10, n_folds=5, parallel_folds=2)
    text = printed(FULL, of_all)
    assert "whole cross validation ~ 3 min 30 s 5 folds, 500 training steps, 50 evaluation batches" in text
    assert "2 folds at a time need 2.8 GiB" in text


def test_nothing_measured_is_a_dash_not_a_zero():
    text = printed(
        ModelProfile(batch_rows=1),
        cost_estimate(ModelProfile(batch_rows=1), train_batches_per_fold=1, eval_batches_per_fold=1, n_folds=1),
    )
    assert "parameters by thop –" in text
    assert "MACs by thop, forward –" in text
    assert "peak memory" not in text
    assert "whole cross validation" not in text


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (9999, "9999"),
        (19_210, "19.21k"),
        (25_557_032, "25.557M"),
        (10_801_192_960, "10.801G"),
        (2e12, "2.000T"),
        (None, "–"),
    ],
)
def test_quantity(value, shown):
    assert quantity(value) == shown


@pytest.mark.parametrize(
    ("n_bytes", "shown"),
    [(0, "0 B"), (1023, "1023 B"), (76_840, "75.0 KiB"), (3 * 2**30, "3.0 GiB"), (None, "–")],
)
def test_memory(n_bytes, shown):
    assert memory(n_bytes) == shown
