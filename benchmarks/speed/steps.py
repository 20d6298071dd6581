"""A training step of Foldwise against one of the tuned loop: in turns, in one process, on the same batches.

python -m benchmarks.speed.steps                        # every workload, one thread
python -m benchmarks.speed.steps tab --threads 2 --turns 100
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from hydra import compose, initialize_config_dir
from numpy.typing import NDArray
from rich.console import Console
from torch.nn import functional as F

from benchmarks.speed.run import FILES
from benchmarks.speed.tuned_loop import take
from benchmarks.speed.workloads import LR, SEED, WORKLOADS, load, make_files, prepare
from trainer.config.compose import register_schema, to_run_config
from trainer.config.keys import CONF
from trainer.data.loading.batch_order import training_order
from trainer.engine.loops import Totals
from trainer.engine.stepwise import epoch_steps, take_all
from trainer.run.factories import fresh_learner
from trainer.run.fold import Fold
from trainer.run.fold_data import prepare_fold
from trainer.run.prepare import prepare as prepare_experiment
from trainer.run.steps.flat_gradients import flat_gradients

STEPS = 20  # of each before it is the other's turn
WARM_UP_TURNS = 3

Batches = Sequence[NDArray[np.int64]]
Steps = Callable[[Batches], None]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workloads", nargs="*", default=list(WORKLOADS), help=f"of {', '.join(WORKLOADS)}")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--turns", type=int, default=30, help=f"of {STEPS} steps each (default 30)")
    parsed = parser.parse_args()
    torch.set_num_threads(parsed.threads)
    register_schema()
    for name in parsed.workloads:
        Console().print(compared(name, parsed.turns), highlight=False)


def compared(name: str, turns: int) -> str:
    """Return the medians of both in milliseconds and the median of their ratios."""
    make_files(name, FILES)
    fold, ours = foldwise_steps(name)
    tools: dict[str, Steps] = {"Foldwise": ours, "tuned loop": tuned_steps(name, fold.rows.train)}
    took: dict[str, list[float]] = {tool: [] for tool in tools}
    for turn, batches in enumerate(segments(name, fold, turns + WARM_UP_TURNS)):
        for tool in sorted(tools, reverse=bool(turn % 2)):
            started = time.perf_counter()
            tools[tool](batches)
            took[tool].append((time.perf_counter() - started) / len(batches) * 1e3)
    kept = {tool: values[WARM_UP_TURNS:] for tool, values in took.items()}
    ratio = statistics.median(a / b for a, b in zip(*kept.values(), strict=True))
    shown = ", ".join(f"{tool} {statistics.median(values):.2f} ms" for tool, values in kept.items())
    return f"{name}, {torch.get_num_threads()} thread(s): {shown} a step; ratio {ratio:.3f} ({turns} turns)"


def segments(name: str, fold: Fold, turns: int) -> Iterator[Batches]:
    """Yield the batches of as many turns, from as many epochs as that takes."""
    epoch = 0
    while turns > 0:
        epoch += 1
        key = (SEED, 0, 0, epoch)
        order = training_order(fold.rows.train, WORKLOADS[name].batch_size, key, fold.data.rows.lengths())
        for start in range(0, len(order) - STEPS, STEPS):
            yield order[start : start + STEPS]
            turns -= 1
            if turns == 0:
                return


def foldwise_steps(name: str) -> tuple[Fold, Steps]:
    """Return a fold and what trains on its batches, as a run would."""
    work = WORKLOADS[name]
    overrides = [*work.options(FILES), f"batch_size={work.batch_size}", f"optimizer.lr={LR}", f"seed={SEED}"]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = to_run_config(compose("config", overrides), overrides)
    experiment = prepare_experiment(config)
    fold = prepare_fold(experiment, 0)
    learner = fresh_learner(experiment.recipe, experiment.spec, fold)
    learner.flat = flat_gradients(experiment.recipe, learner, fold)
    totals = Totals.start(torch.device("cpu"))

    def steps(batches: Batches) -> None:
        read = fold.data.batches(batches, (SEED, 0, 0, 1))
        take_all(epoch_steps(learner, read, totals, accumulate_steps=1, clip_norm=None, on_step=lambda totals: None))

    return fold, steps


def tuned_steps(name: str, train: NDArray[np.int64]) -> Steps:
    """Return what trains on batches as ``tuned_loop`` does."""
    raw, target = load(name, FILES)
    prepared, labels = prepare(name, raw, train, FILES), torch.from_numpy(target)
    model = prepared.model().train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=LR, fused=True)

    def steps(batches: Batches) -> None:
        for batch in batches:
            rows = torch.from_numpy(batch)
            optimizer.zero_grad(set_to_none=True)
            F.cross_entropy(model(**take(prepared, rows)), labels[rows]).backward()
            optimizer.step()

    return steps


if __name__ == "__main__":
    main()
