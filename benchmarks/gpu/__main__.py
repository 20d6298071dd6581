"""Everything about CUDA in one go, in under 8 minutes on one card: ``python -m benchmarks.gpu``.

    python -m benchmarks.gpu                        # every part, on a card if there is one; benchmarks/results/gpu.md
    python -m benchmarks.gpu --parts levels bert    # some of them
    python -m benchmarks.gpu --device cpu           # small, without what needs a card

Each part runs in a process of its own: one that fails, hangs or breaks the card's context is a row with its reason, and
the others are measured all the same.
"""

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
import time
import warnings
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = REPOSITORY / "benchmarks" / "results" / "gpu.md"
LIMIT_SECONDS = 470.0  # of all parts together
PARTS = {  # where a part is, what it is about, and the most seconds it may take
    "parity": ("levels", "O0-O3 in float16 and bfloat16 against O0", 60),
    "dtypes": ("levels", "dtypes in force", 30),
    "scaler": ("levels", "loss scale in real overflows", 30),
    "no_waiting": ("steps", "no wait for the card in a step", 40),
    "pinned": ("steps", "pinned copies", 40),
    "channels_last": ("steps", "channels last", 40),
    "resume": ("steps", "resumed bit for bit, deterministic algorithms", 60),
    "memory": ("steps", "peak memory, estimated and measured", 60),
    "graphs": ("steps", "CUDA graphs of small models", 30),
    "stacked": ("folds", "5 small folds as one model", 40),
    "two_on_one": ("folds", "two processes on one card", 60),
    "bert": ("bert", "BERT, batches of 24 x 512 tokens", 180),
    "side_by_side": ("folds", "5 small folds side by side", 120),
}
DETERMINISTIC = {"parity", "resume"}
SKIPPED = "left out"


class Found(NamedTuple):
    """A row of the table: ``Row`` with the part that it is of."""

    part: str
    what: str
    found: str
    as_wanted: bool | None


def part_here(name: str, device: str) -> list[Found]:
    """Run a part in this process; where it fails, what it has found so far and the reason are its rows."""
    import torch

    from benchmarks.gpu.rows import NeedsCardError

    if name in DETERMINISTIC:
        torch.use_deterministic_algorithms(True, warn_only=True)
    found = []
    try:
        for row in getattr(import_module(f"benchmarks.gpu.{PARTS[name][0]}"), name)(torch.device(device)):
            found.append(Found(name, *row))
    except NeedsCardError as reason:
        found.append(Found(name, SKIPPED, str(reason), None))
    except Exception as error:
        found.append(failed(name, f"{type(error).__name__}: {str(error).strip()[:300]}"))
    finally:
        torch.use_deterministic_algorithms(False)
    return found


def part_in_process(name: str, device: str, seconds: float, *, command: Sequence[str] = ()) -> list[Found]:
    """Run a part in a process of its own; return its rows, or one that says why there are none."""
    asked = [sys.executable, "-m", "benchmarks.gpu", "--here", name, "--device", device]
    environment = {**os.environ, "CUBLAS_WORKSPACE_CONFIG": ":4096:8"}
    try:
        done = subprocess.run(
            [*(command or asked)],
            cwd=REPOSITORY,
            env=environment,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        return [Found(*row) for row in json.loads(done.stdout.splitlines()[-1])]
    except subprocess.TimeoutExpired:
        return [failed(name, f"not done after {seconds:.0f} s")]
    except (ValueError, IndexError, TypeError):
        last = (done.stderr.strip() or "it said nothing").splitlines()[-1]
        return [failed(name, f"its process ended with {done.returncode}: {last[:300]}")]


def failed(name: str, reason: str) -> Found:
    return Found(name, "failed", reason, False)


def look(names: Sequence[str], device: str) -> list[Found]:
    """Run parts one after the other, as long as there is time."""
    started, found = time.monotonic(), list[Found]()
    for name in names:
        left = LIMIT_SECONDS - (time.monotonic() - started)
        if left < 1:
            found.append(Found(name, SKIPPED, f"the {LIMIT_SECONDS:.0f} s are over", None))
            continue
        rows = part_in_process(name, device, min(left, PARTS[name][2]))
        found += rows
        print("\n".join(map(line, rows)), file=sys.stderr, flush=True)
    return found


def line(row: Found) -> str:
    """Return a row of the table."""
    verdict = {True: "yes", False: "**no**", None: ""}[row.as_wanted]
    cells = (f"`{row.part}`", row.what, " ".join(row.found.split()), verdict)
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def page(found: Sequence[Found], machine: str, seconds: float) -> str:
    """Return the whole page."""
    wrong = sum(row.as_wanted is False for row in found)
    without = sorted({row.part for row in found if row.what == SKIPPED})
    skipped = f"; left out here: {', '.join(f'`{name}`' for name in without)}" if without else ""
    about = [f"- `{name}`: {what}" for name, (_, what, _) in PARTS.items() if any(row.part == name for row in found)]
    return "\n".join(
        [
            f"# On a graphics card: {machine}",
            "",
            f"{datetime.date.today()}, Python {platform.python_version()}, {seconds:.0f} s; made by "
            "`python -m benchmarks.gpu`.",
            "",
            f"{len(found)} rows, {wrong} not as wanted{skipped}.",
            "",
            *about,
            "",
            "| part | what | found | as wanted |",
            "|---|---|---|---|",
            *map(line, found),
            "",
        ]
    )


def machine(device: str) -> str:
    """Return in words what is measured on."""
    import torch

    on = torch.cuda.get_device_name(device) if device == "cuda" else "none here, so on a CPU"
    return f"{on}, torch {torch.__version__}"


def main() -> None:
    """Run what is asked for and write the page."""
    import torch

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--here", choices=PARTS, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, default=PAGE)
    asked = parser.parse_args()
    if asked.here:
        warnings.simplefilter("ignore")
        print(json.dumps(part_here(asked.here, asked.device)))
        return
    started = time.monotonic()
    found = look(asked.parts, asked.device)
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    asked.out.write_text(page(found, machine(asked.device), time.monotonic() - started), encoding="utf-8")
    print(f"written: {asked.out}")


if __name__ == "__main__":
    main()
