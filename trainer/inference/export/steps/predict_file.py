"""``python predict.py new.csv -o out.csv``: from a file to a file."""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.inference.export.steps.deciding import Runs, decided, mean_of
from trainer.inference.export.steps.row_blocks import blocks_of
from trainer.inference.export.steps.texts import by_length, passes
from trainer.inference.export.steps.writing import csv_file, header_of, rows_of

PASS_ROWS = {"table": 1024, "words": 256, "tokens": 8, "images": 32}  # through the model at a time
BLEND = "blend"
Said = tuple[list[str], list[bool], Any]


def main(folder: Path, arguments: Sequence[str]) -> int:
    """Predict the rows of a file; return the exit code.

    Args:
        folder: of the model.
        arguments: of the command line.
    """
    asked = parser().parse_args(arguments)
    try:
        notes = predict_file(folder, facts_in(folder), asked)
    except (OSError, ValueError) as problem:
        print(f"predict.py: {problem}", file=sys.stderr)
        return 3
    for note in notes:
        print(note, file=sys.stderr)
    return 0


def parser() -> argparse.ArgumentParser:
    """Return the options."""
    options = argparse.ArgumentParser(prog="predict.py", description="Predict new rows with the model in this folder.")
    options.add_argument(
        "data",
        type=Path,
        metavar="DATA",
        help="table with the new rows (.csv, .tsv, .txt); of images a folder or zip too",
    )
    options.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="to write: .csv or .tsv")
    options.add_argument("--id", metavar="COL", help="column with the ids; none = row numbers")
    options.add_argument("--encoding", metavar="NAME", help="of DATA; default: as the model's own file")
    options.add_argument("--delimiter", metavar="CHAR", help="of DATA; default: as the model's own file")
    options.add_argument("--raw", action="store_true", help="without the thresholds and calibration in model.json")
    options.add_argument("--batch-size", type=int, metavar="N", help="rows of one pass through the model")
    options.add_argument("--images", type=Path, metavar="DIR", help="of images that a table names: their folder or zip")
    options.add_argument("--skip-broken", action="store_true", help="no prediction for images that cannot be read")
    return options


def predict_file(folder: Path, facts: Mapping[str, Any], asked: argparse.Namespace) -> list[str]:
    """Write the predictions of a file's rows; return what a person should know.

    Args:
        folder: of the model.
        facts: of model.json.
        asked: the options.

    Raises:
        ValueError: the rows do not fit the model; says where.
        OSError: a file cannot be read or written.
    """
    if asked.output.exists() and asked.output.samefile(asked.data):
        raise ValueError(f"-o {asked.output} is the data itself, which would be replaced: give another name")
    n_rows, notes = 0, list[str]()
    with csv_file(asked.output) as writer:
        writer.writerow(header_of(facts, raw=asked.raw))
        for ids, readable, proba_KBC in (_blended if facts["kind"] == BLEND else _predicted)(
            folder, facts, asked, notes
        ):
            found = decided(proba_KBC, facts, raw=asked.raw)
            writer.writerows(rows_of(ids, readable, found, facts))
            n_rows += len(ids)
        if not n_rows:
            raise ValueError(f"{asked.data}: no rows")
    return [*notes, f"{asked.output}: {n_rows} rows"]


def _predicted(folder: Path, facts: Mapping[str, Any], asked: argparse.Namespace, notes: list[str]) -> Iterator[Said]:
    """Yield, of each block of rows, their ids, which can be read, and what each fold says of these."""
    run = model_of(folder, facts)
    for block in blocks_of(folder, facts, asked, notes):
        yield block.ids, block.readable, said_by(run, block.inputs, facts, asked.batch_size)


def _blended(folder: Path, facts: Mapping[str, Any], asked: argparse.Namespace, notes: list[str]) -> Iterator[Said]:
    """Yield the same of all rows at once, and what each run of a blend says of those that all can read.

    Raises:
        ValueError: the runs call the rows differently.
    """
    all_ids, said_K = list[list[str]](), list[NDArray[np.float64]]()
    for name in facts["members"]:
        of_run = facts_in(folder / name)
        predicted = _blended if of_run["kind"] == BLEND else _predicted
        ids, blocks = list[str](), list[NDArray[np.float64]]()
        for of_block, readable, proba_KBC in predicted(folder / name, of_run, asked, notes):
            proba_BC = np.full((len(of_block), proba_KBC.shape[2]), np.nan)
            proba_BC[readable] = mean_of(proba_KBC.astype(np.float64), of_run)
            ids += of_block
            blocks.append(proba_BC)
        all_ids.append(ids)
        said_K.append(np.concatenate(blocks) if blocks else np.zeros((0, 1)))
    if any(ids != all_ids[0] for ids in all_ids):
        raise ValueError("the runs of the blend call the rows differently: say how with --id COL, or --id none")
    if all_ids[0]:
        proba_KBC = np.stack(said_K)
        readable_B = np.isfinite(proba_KBC).all(axis=(0, 2))
        yield all_ids[0], readable_B.tolist(), proba_KBC[:, readable_B]


def model_of(folder: Path, facts: Mapping[str, Any]) -> Runs:
    """Return what runs the model in a folder."""
    if facts["format"] == "onnx":
        from trainer.inference.export.steps.onnx_model import open_model
    elif facts["format"] == "hf":
        from trainer.inference.export.steps.hf_model import open_model
    else:
        from trainer.inference.export.steps.torch_model import open_model
    return open_model(folder, facts)


def said_by(run: Runs, inputs: Mapping[str, NDArray[Any]], facts: Mapping[str, Any], n_rows: int | None) -> Any:
    """Return what each fold says (K, B, C), so many rows at a time through the model; there may be no rows."""
    order = by_length(inputs)
    in_order = inputs if order is None else {name: values[order] for name, values in inputs.items()}
    parts = [run(part) for part in passes(in_order, n_rows or PASS_ROWS[facts["kind"]])]
    if not parts:
        return np.zeros((len(facts["folds"]), 0, max(len(facts["outputs"]), 1)), dtype=np.float32)
    said = np.concatenate(parts, axis=1)
    return said if order is None else said[:, np.argsort(order)]


def facts_in(folder: Path) -> dict[str, Any]:
    """Return what model.json in a folder says."""
    facts: dict[str, Any] = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    return facts
