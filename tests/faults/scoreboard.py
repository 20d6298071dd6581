"""Print what the battery did last and write docs/record/robustness.md.

python tests/faults/scoreboard.py [RECORDS]
"""

import json
import os
import platform
import sys
from pathlib import Path

import torch

from tests.faults.harness import RECORDS, REPOSITORY

MEANINGS = {
    "F1": "SIGKILL at random times, saving every 1-5 steps; O0, O1, O2, fp16 and bf16, tables, texts, loader processes",
    "F2": "a stop before and after every step of the store: open, write, fsync, replace, unlink",
    "F3": "a signal mid-step, mid-save, in validation, while data loads, twice in a row",
    "F4": "disk full, file size limit: at a checkpoint, the results, the tracker",
    "F5": "newest checkpoint damaged: bit flipped, cut short, zeroed, swapped, empty, mark edited",
    "F6": "runs started in the same second; two writers on one fold; locks left over",
    "F7": "loader process killed, raising, hanging, stopped",
    "F8": "NaN or infinity in data or loss; overflow without end",
    "F10": "command lines: options at the edges of their types, two at once, other forms, flags; other commands",
    "F12": "resuming with other options, data, folds, metric, precision, threads",
    "F13": "read-only, impossible, Chinese, very long places",
    "F14": "same command twice, any number of workers, resumed anywhere, as jobs, as merged copies",
    "F15": "many small folds in one process",
    "F17": "links, fifos, sockets, folders, immutable or missing files in runs and in copies, under every command",
    "F18": "tables as people have them: no header, marks, row names, numbers and labels written in every way",
    "F19": "plugins that keep threads, call sys.exit anywhere, never come back; SIGTERM while they do",
    "F22": "hardly a row of a class: slices, folds and resamples on which a metric is not defined",
}
PAGE = """\
# Robustness: what was broken on purpose, and what came out

{where}; {minutes} minutes of tests. Made by:

```sh
{command}
```

Every run is compared with one that was left alone: sha256 of the weights, the out-of-fold predictions, the fitted
preprocessing, cv.json and metrics.jsonl (without clock times). *Good* means that all of them are equal and nothing is
left behind (no lock, no half-written file), that the exit code is the right one and the message short. An interrupted
run is finished by the same command; where F3 and F14 stop it, the steps that are then trained are counted too, so that
starting over is not taken for going on. Runs are processes forked from one that has imported everything, so that
a start is cheap; where the figures say so, `python train.py` from scratch. Each line is the last run of its test.

| | fault | date | tried | good | figures |
|---|---|---|---:|---:|---|
{rows}

`make test` runs a short form of these, and all of {ordinary}. One fault alone: `make battery ARGS="-k f01"`;
`FOLDWISE_BATTERY_F1=1000` sets how often it is tried.

## Where others stand

Measured once, earlier, with the versions named, in the worst case: saving at every step. `make battery` does not
repeat it.

| fault | others | here |
|---|---|---|
| newest checkpoint unusable after SIGKILL during a save | Lightning 2.6.6: 7 of 16 (TMPDIR on another file system); \
Hugging Face Trainer: 5 of 12; skorch: 5 of 12; accelerate: 2 of 12; torch DCP: 0 of 12 | {kills} |
| a flipped bit is loaded silently | torch.load: 198 of 200; safetensors: 200 of 200 | {flips} |
| resumed exactly | Lightning 2.6.6: 0 of 6 scenarios | {resumed} |
| SIGTERM | Lightning 2.6.6: exit 0, nothing saved | {signals} |
"""


def main(path: str = str(RECORDS)) -> None:
    """Write the page from the last record of every test."""
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    last = {(found["fault"], found["what"]): found for found in map(json.loads, lines)}
    text = page(sorted(last.values(), key=lambda found: (int(found["fault"][1:]), found["what"])))
    (REPOSITORY / "docs/record/robustness.md").write_text(text, encoding="utf-8")
    print(text)


def page(records: list[dict]) -> str:
    """Return docs/record/robustness.md."""
    counts = {found["fault"]: found["tried"] for found in records if f"FOLDWISE_BATTERY_{found['fault']}" in os.environ}
    overrides = [f"FOLDWISE_BATTERY_{fault}={tried}" for fault, tried in counts.items()]
    by_fault = {found["fault"]: found for found in records}
    system = f"{platform.system()}, {os.cpu_count()} processor cores, Python {platform.python_version()}"
    return PAGE.format(
        where=f"{system}, torch {torch.__version__}",
        minutes=round(sum(found["seconds"] for found in records) / 60),
        command=" ".join([*overrides, "make battery"]),
        rows="\n".join(map(row, records)),
        ordinary=", ".join(fault for fault in MEANINGS if fault not in by_fault) or "F8 and F12",
        kills=kills(by_fault.get("F1")),
        flips=share(by_fault.get("F5"), bad=True),
        resumed=share(by_fault.get("F1")),
        signals=f"saved, exit 143; resumed exactly: {share(by_fault.get('F3'))}",
    )


def row(found: dict) -> str:
    """Return one line of the table."""
    figures = "; ".join(f"{name}: {value}" for name, value in found["figures"].items())
    what = f"{MEANINGS[found['fault']]} ({found['what']})"
    return f"| {found['fault']} | {what} | {found['date']} | {found['tried']} | {found['good']} | {figures} |"


def kills(found: dict | None) -> str:
    """Return how many runs were not finished well, next to the kills."""
    if found is None:
        return "not tried"
    saving = found["figures"].get("kills while saving", 0)
    return f"{share(found, bad=True)} runs, with {saving} kills during a save"


def share(found: dict | None, bad: bool = False) -> str:
    """Return how many were good, or bad, of how many."""
    if found is None:
        return "not tried"
    return f"{found['tried'] - found['good'] if bad else found['good']} of {found['tried']}"


if __name__ == "__main__":
    main(*sys.argv[1:])
