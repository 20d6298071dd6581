"""Put what the battery did last into docs/record/robustness.md, and print it.

python -m tests.faults.scoreboard [RECORDS]

The page is written by hand but for the lines of its table, each the last run of a test, and the figures that another
table takes from them. A line is replaced by a record of the same fault and the same words, and stays where there is
none: a part of the battery changes its own lines alone.
"""

import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path

from tests.faults.harness import RECORDS, REPOSITORY

PAGE = REPOSITORY / "docs/record/robustness.md"
TABLE = re.compile(r"(?<=\n\|---\|---\|---\|---:\|---:\|---\|\n)(?:\|.*\n)+")

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


def main(path: str = str(RECORDS)) -> None:
    """Bring the page up to the last record of every test."""
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    last = {(found["fault"], found["what"]): found for found in map(json.loads, lines)}
    PAGE.write_text(updated(PAGE.read_text(encoding="utf-8"), last.values()), encoding="utf-8")
    print("\n".join(map(row, last.values())))


def updated(page: str, records: Iterable[dict]) -> str:
    """Return the page with the records in it: a new line below those of its fault.

    Raises:
        ValueError: it has no table for them.
    """
    table = TABLE.search(page)
    if table is None:
        raise ValueError(f"{PAGE}: the table of the faults is not there")
    rows = {_what(line): line for line in [*table.group().splitlines(), *map(row, records)]}
    lines = [rows[key] for key in sorted(rows, key=lambda key: int(key[0][1:]))]
    page = page[: table.start()] + "".join(f"{line}\n" for line in lines) + page[table.end() :]
    for found in records:
        for beginning, words in compared(found).items():
            page = re.sub(rf"^({re.escape(beginning)}.*\| ).*( \|)$", rf"\g<1>{words}\g<2>", page, flags=re.MULTILINE)
    return page


def row(found: dict) -> str:
    """Return one line of the table."""
    figures = "; ".join(f"{name}: {value}" for name, value in found["figures"].items())
    what = f"{MEANINGS[found['fault']]} ({found['what']})"
    return f"| {found['fault']} | {what} | {found['date']} | {found['tried']} | {found['good']} | {figures} |"


def _what(line: str) -> tuple[str, str]:
    fault, what = line.strip("| ").split(" | ")[:2]
    return fault, what


def compared(found: dict) -> dict[str, str]:
    """Return what a record says beside other tools, by the beginning of the line."""
    good, bad = (f"{n} of {found['tried']}" for n in (found["good"], found["tried"] - found["good"]))
    if found["fault"] == "F1":
        kills = f"{bad} runs, with {found['figures'].get('kills while saving', 0)} kills during a save"
        return {"| newest checkpoint unusable after": kills, "| resumed exactly": good}
    return {
        "F3": {"| SIGTERM": f"saved, exit 143; resumed exactly: {good}"},
        "F5": {"| a flipped bit is": bad},
    }.get(found["fault"], {})


if __name__ == "__main__":
    main(*sys.argv[1:])
