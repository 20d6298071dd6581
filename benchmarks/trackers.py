"""What trackers and a mirror cost a run: the default run with and without them, in turns, a process each.

python -m benchmarks.trackers                  # three turns of each
python -m benchmarks.trackers max_epochs=40 --turns 5 --only none "all three"

Folds are trained in one process. Of its CPU time, what the threads spent in trackers (and the mirror) is measured where
they are called; their own processes, of a low priority, are not in it. Where other programs use the cores, only the CPU
time counts.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VARIANTS = {
    "none": ("tracker=none",),
    "tensorboard": ("tracker=tensorboard",),
    "mlflow": ("tracker=mlflow",),
    "wandb": ("tracker=wandb",),
    "all three": ("tracker=[tensorboard,mlflow,wandb]",),
    "mirror": ("tracker=none", "paths.mirror=file://{folder}/copies"),
}
RUN = """
import json, resource, sys, time
import trainer.system.interrupts as interrupts
from trainer.cli.train import train_main
from trainer.store import mirror
from trainer.trackers import build, contained, courier

began, spent = time.perf_counter(), [0.0]

def timed(owner, name):
    function = getattr(owner, name)

    def call(*arguments, **options):
        start = time.thread_time()
        try:
            return function(*arguments, **options)
        finally:
            spent[0] += time.thread_time() - start

    setattr(owner, name, call)

for owner, name in ((build, "construct"), (contained.Contained, "pass_on"), (courier.Courier, "_work"),
                    (mirror.Mirror, "_work"), (mirror.Mirror, "close")):
    timed(owner, name)

def done(code):
    own = resource.getrusage(resource.RUSAGE_SELF)
    cpu = own.ru_utime + own.ru_stime
    facts = {"code": code, "wall": time.perf_counter() - began, "cpu": cpu, "trackers": spent[0]}
    sys.stderr.write("\\nMEASURED " + json.dumps(facts) + "\\n")
    return code

interrupts.end_soon, end_soon = (lambda code: end_soon(done(code))), interrupts.end_soon
sys.exit(train_main(sys.argv[1:]))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--only", nargs="*", choices=VARIANTS, default=[*VARIANTS])
    parser.add_argument("overrides", nargs="*", help="of the run, such as max_epochs=40")
    asked = parser.parse_intermixed_args()
    found: dict[str, list[dict[str, float]]] = defaultdict(list)
    for turn in range(asked.turns):
        order = list(asked.only)
        for name in order[turn % len(order) :] + order[: turn % len(order)]:
            found[name].append(measured(VARIANTS[name], asked.overrides))
            print(f"turn {turn + 1} {name}: {found[name][-1]}", file=sys.stderr, flush=True)
    print(table(found))


def measured(options: tuple[str, ...], overrides: list[str]) -> dict[str, float]:
    """Run once, in an empty folder; return wall and CPU seconds of the process that trains."""
    with tempfile.TemporaryDirectory(prefix="foldwise-trackers-", ignore_cleanup_errors=True) as folder:
        given = [option.format(folder=folder) for option in options]
        command = [sys.executable, "-c", RUN, "cv.parallel=1", "run=a1", *given, *overrides]
        environment = {"PYTHONPATH": str(ROOT), "WANDB_MODE": "offline", "OMP_NUM_THREADS": "1"}
        ended = subprocess.run(command, cwd=folder, env=os.environ | environment, capture_output=True, text=True)
        lines = [line for line in ended.stderr.splitlines() if line.startswith("MEASURED ")]
        assert ended.returncode == 0, ended.stderr
        assert len(lines) == 1, ended.stderr
        return dict(json.loads(lines[0].removeprefix("MEASURED ")))


def table(found: dict[str, list[dict[str, float]]]) -> str:
    """Return medians over the turns; wall time against the first variant, turn by turn."""
    base = next(iter(found.values()))
    rows = ["| trackers | CPU s of the training process | in trackers | | wall s | against the first |"]
    rows += ["|---|---:|---:|---:|---:|---:|"]
    for name, runs in found.items():
        cpu, spent, wall = (statistics.median(run[key] for run in runs) for key in ("cpu", "trackers", "wall"))
        added = statistics.median(run["wall"] / other["wall"] - 1 for run, other in zip(runs, base, strict=True))
        share = statistics.median(run["trackers"] / run["cpu"] for run in runs)
        rows.append(f"| {name} | {cpu:.2f} | {spent:.2f} | {share:.1%} | {wall:.2f} | {added:+.1%} |")
    return "\n".join(rows)


if __name__ == "__main__":
    main()
