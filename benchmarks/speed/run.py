"""Side by side on the same work: whole processes, in alternating order; ratios of medians, accuracy and peak memory.

    make bench                               # every workload and tool, three rounds
    make bench ARGS="tab image --rounds 5"   # some of them
    make bench ARGS="bert --tools foldwise,foldwise-O1,hf"

Writes docs/record/benchmarks.md; a workload that is not run keeps the table it has there. Close other programs first:
on a busy machine only the ratios mean anything, if they do.
"""

import argparse
import datetime
import json
import os
import platform
import statistics
import tempfile
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from rich.console import Console
from rich.progress import track

from benchmarks.processes import measured, processor
from benchmarks.speed.workloads import LR, SEED, WORKLOADS, make_files

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = REPOSITORY / "docs" / "record" / "benchmarks.md"
FILES = REPOSITORY / "build" / "bench"
BARE = ["profile=off", "preflight=off", "audit=off", "tracker=none", "checkpoint.save_weights=false"]
FOLDWISE = {
    "foldwise": [],
    "foldwise-bare": BARE,
    "foldwise-1": ["cv.parallel=1"],
    "foldwise-2": ["cv.parallel=2"],
    "foldwise-O1": ["amp=O1", "cv.parallel=2"],
}
PEERS = {
    "skorch": "skorch_tool",
    "lightning": "lightning_tool",
    "hf": "hf_tool",
    "plain": "plain_loop",
    "tuned": "tuned_loop",
}
FRAMEWORKS = ("skorch", "lightning", "hf")
LABELS = {
    "foldwise": "Foldwise, as it comes",
    "foldwise-bare": "Foldwise, no profile, preflight, audit, tracker, weights",
    "foldwise-1": "Foldwise, `cv.parallel=1`",
    "foldwise-2": "Foldwise, `cv.parallel=2`",
    "foldwise-O1": "Foldwise, `cv.parallel=2 amp=O1`",
    "skorch": "skorch",
    "lightning": "Lightning",
    "hf": "HF Trainer",
    "plain": "plain loop: TensorDataset, DataLoader, padded to the longest",
    "tuned": "tuned loop: batched indexing, length buckets, fused AdamW",
}


HEAD = """# Benchmarks

Whole processes on the same rows, folds, model, batches, epochs and learning rate, five folds each, one process at a
time in alternating order. Read the ratios, not the seconds. As it comes, Foldwise audits the split, tries model and
loss, profiles, keeps curves and weights and draws a report; one line leaves all that out. The others do nothing but
train and score. Peak MiB is that of a tool's largest process: folds side by side have one each.

{versions}.
"""


@dataclass(frozen=True)
class Outcome:
    """One process: wall-clock seconds, peak resident MiB, mean accuracy over the folds."""

    seconds: float
    peak_mib: float
    accuracy: float


def main() -> None:
    parsed = arguments()
    console = Console()
    found: dict[str, dict[str, list[Outcome]]] = {}
    for name in parsed.workloads:
        make_files(name, FILES)
        found[name] = {tool: [] for tool in parsed.tools}
        rounds = [tool for number in range(parsed.rounds) for tool in turned(parsed.tools, number)]
        for tool in track(rounds, f"{name}", console=console, transient=True):
            found[name][tool].append(run(name, tool))
        console.print(section(found[name], name, parsed.rounds))
        write_page(name, section(found[name], name, parsed.rounds))
        console.print(f"written: {PAGE.relative_to(REPOSITORY)}")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workloads", nargs="*", help=f"of {', '.join(WORKLOADS)} (default: all)")
    parser.add_argument("--tools", type=lambda text: text.split(","), default=[*FOLDWISE, *PEERS])
    parser.add_argument("--rounds", type=int, default=3, help="processes per tool (default 3)")
    parsed = parser.parse_args()
    parsed.workloads = parsed.workloads or list(WORKLOADS)
    unknown = [name for name in parsed.workloads if name not in WORKLOADS]
    unknown += [tool for tool in parsed.tools if tool not in LABELS]
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; have {', '.join([*WORKLOADS, *LABELS])}")
    return parsed


def turned(tools: list[str], number: int) -> list[str]:
    """Return the tools beginning with another one in each round, so that none is always first."""
    shift = number % len(tools)
    return tools[shift:] + tools[:shift]


def run(name: str, tool: str) -> Outcome:
    """Run one process to its end."""
    with tempfile.TemporaryDirectory() as runs:
        if tool in FOLDWISE:
            work = WORKLOADS[name]
            command = [str(REPOSITORY / "train.py"), *work.options(FILES), *FOLDWISE[tool], f"paths.runs={runs}"]
            command += [f"max_epochs={work.epochs}", f"batch_size={work.batch_size}", f"optimizer.lr={LR}"]
            command += [f"seed={SEED}", "run=bench", "runtime.progress=plain"]
        else:
            command = ["-m", f"benchmarks.speed.{PEERS[tool]}", name, str(FILES)]
        process = measured(command, REPOSITORY)
        if tool in FOLDWISE:
            result = json.loads((Path(runs) / "bench" / "cv.json").read_text(encoding="utf-8"))
            accuracy = result["metrics"]["accuracy"]["mean"]
        else:
            accuracy = json.loads(process.output.strip().splitlines()[-1])["accuracy"]
    return Outcome(process.seconds, process.peak_mib, accuracy)


def table(found: dict[str, list[Outcome]], name: str) -> str:
    """Return one workload as a Markdown table, with ratios to the fastest framework and to the tuned loop."""
    seconds = {tool: statistics.median(one.seconds for one in outcomes) for tool, outcomes in found.items()}
    best = min((tool for tool in FRAMEWORKS if tool in seconds), key=lambda tool: seconds[tool], default=None)
    lines = [
        f"| {name} | seconds | / best framework | / tuned loop | accuracy | peak MiB |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for tool, outcomes in found.items():
        against = f"{seconds[tool] / seconds[best]:.2f}" if best else "-"
        tuned = f"{seconds[tool] / seconds['tuned']:.2f}" if "tuned" in seconds else "-"
        accuracy = statistics.median(one.accuracy for one in outcomes)
        peak = statistics.median(one.peak_mib for one in outcomes)
        mark = " (best framework)" if tool == best else ""
        cells = [f"{LABELS[tool]}{mark}", f"{seconds[tool]:.1f}", against, tuned, f"{accuracy:.4f}", f"{peak:.0f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def section(found: dict[str, list[Outcome]], name: str, rounds: int) -> str:
    """Return a workload's part of the page: what it is, how it was run, its table."""
    today = f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}"
    return f"""## {name}

{WORKLOADS[name].description}. Medians of {rounds} processes per tool, {today}, {machine()}.

```
make bench ARGS="{name} --rounds {rounds} --tools {",".join(found)}"
```

{table(found, name)}
"""


def write_page(name: str, text: str) -> None:
    """Put a workload's section onto the page, in place of the one that is there."""
    kept = {}
    if PAGE.exists():
        for part in PAGE.read_text(encoding="utf-8").split("\n## ")[1:]:
            kept[part.split("\n", 1)[0]] = f"## {part.rstrip()}\n"
    sections = {**kept, name: text}
    ordered = [sections[one] for one in WORKLOADS if one in sections]
    others = [part for one, part in kept.items() if one not in WORKLOADS]
    PAGE.write_text("\n".join([HEAD.format(versions=versions()), *ordered, *others]), encoding="utf-8")


def machine() -> str:
    return f"{len(os.sched_getaffinity(0))} cores of {processor()}, load {os.getloadavg()[0]:.1f} at the end"


def versions() -> str:
    found = [f"Python {platform.python_version()}"]
    for name in ("torch", "skorch", "lightning", "transformers", "accelerate"):
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"no {name}")
    return ", ".join(found)


if __name__ == "__main__":
    main()
