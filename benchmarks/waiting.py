"""How long a step takes when threads wait awake and asleep, alone and beside two programs that never rest.

    python -m benchmarks.waiting [--rounds 3] [--seconds 1.5]

Steps of a small model (23-128-128-2) and of a larger one (256-1024-1024-10) on 512 rows, each way of waiting in a
process of its own, in turns; medians over the rounds of the clock and of processor time.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise, product

SIZES = {"small": (23, 128, 128, 2), "larger": (256, 1024, 1024, 10)}
ROWS = 512
BESIDE = 2  # programs that never rest
WARM_UP_STEPS = 5
WAYS = ("active", "passive")

Times = dict[str, tuple[float, float]]  # ms a step by the clock and of processor time, by what was measured


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.5, help="of steps of each kind")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)  # this process is one that is measured
    asked = parser.parse_args()
    if asked.here:
        print(json.dumps(all_times(asked.seconds)))
        return
    found: dict[str, list[Times]] = {way: [] for way in WAYS}
    for number in range(asked.rounds):
        for way in WAYS if number % 2 == 0 else WAYS[::-1]:
            found[way].append(measured(way, asked.seconds))
    print("| model | threads | waiting | ms a step, CPU ms | the same beside two busy programs |")
    print("|---|---:|---|---:|---:|")
    for model, threads, way in product(SIZES, (1, 2), WAYS):
        cells = (medians([times[key(model, threads, beside)] for times in found[way]]) for beside in (0, BESIDE))
        print(f"| {model} | {threads} | {way} | {' | '.join(cells)} |")
    print(f"\n{asked.rounds} rounds, {os.cpu_count()} cores, load {os.getloadavg()[1]:.1f} with the busy programs")


def key(model: str, threads: int, beside: int) -> str:
    """Return what a measurement is called."""
    return f"{model} {threads} {beside}"


def medians(times: list[tuple[float, float]]) -> str:
    """Return the medians of (clock, processor) as they stand in the table."""
    return ", ".join(f"{statistics.median(one):.2f}" for one in zip(*times, strict=True))


def measured(way: str, seconds: float) -> Times:
    """Return the times of a process of its own whose threads wait in one way."""
    command = [sys.executable, "-m", "benchmarks.waiting", "--here", "--seconds", str(seconds)]
    environment = os.environ | {"OMP_WAIT_POLICY": way, "OMP_NUM_THREADS": "2"}
    output = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout
    times: Times = json.loads(output)
    return times


def all_times(seconds: float) -> Times:
    """Measure every model with one thread and two, alone and beside busy programs."""
    import torch

    found = {}
    for model, beside in product(SIZES, (0, BESIDE)):
        with busy(beside):
            for threads in (1, 2):
                torch.set_num_threads(threads)
                found[key(model, threads, beside)] = times_of(step_of(SIZES[model]), seconds)
    return found


@contextmanager
def busy(number: int) -> Iterator[None]:
    """Keep as many programs running that never rest."""
    programs = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(number)]
    try:
        yield
    finally:
        for program in programs:
            program.kill()
            program.wait()


def step_of(sizes: tuple[int, ...]) -> Callable[[], None]:
    """Return what takes one training step of a model of its own."""
    import torch
    from torch import nn

    layers = [layer for pair in pairwise(sizes) for layer in (nn.Linear(*pair), nn.ReLU())]
    model = nn.Sequential(*layers[:-1])
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    rows, labels = torch.randn(ROWS, sizes[0]), torch.randint(sizes[-1], (ROWS,))

    def step() -> None:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(rows), labels).backward()
        optimizer.step()

    return step


def times_of(step: Callable[[], None], seconds: float) -> tuple[float, float]:
    """Return the median of a step by the clock and its mean processor time, in milliseconds."""
    for _ in range(WARM_UP_STEPS):
        step()
    took, before, until = [], time.process_time(), time.perf_counter() + seconds
    while time.perf_counter() < until:
        started = time.perf_counter()
        step()
        took.append(time.perf_counter() - started)
    return statistics.median(took) * 1e3, (time.process_time() - before) / len(took) * 1e3


if __name__ == "__main__":
    main()
