"""``foldwise export``: a run as a folder that predicts without Foldwise; whole under its name, or not there."""

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.data.sources.in_memory import Given
from trainer.inference.export import steps
from trainer.inference.export.against_torch import Compared, compared, said_by, some_rows
from trainer.inference.export.card import model_card
from trainer.inference.export.facts import facts_of
from trainer.inference.export.hf_folder import require_hf, write_hf
from trainer.inference.export.kinds import kind_of, write_tokenizer
from trainer.inference.export.networks import Raw, network_of, raw_inputs
from trainer.inference.export.onnx_file import write_onnx
from trainer.inference.export.reduced import Cost, cost_of, reduce_graph
from trainer.inference.export.soup import souped
from trainer.inference.export.steps.predict_file import PASS_ROWS, model_of
from trainer.inference.export.wanted import HF, ONNX, SOUP, TORCH, checked_request
from trainer.inference.export.weight_file import write_weights
from trainer.inference.predictor import Predictor, open_predictor
from trainer.inference.trained import samples_of
from trainer.system.files import storage_error
from trainer.tasks import Target

HOME = Path(steps.__file__).parents[3]  # of the package trainer
STEPS = ("predict_file", "row_blocks", "cells", "csv_rows", "proba_scores", "combining", "deciding", "writing", "texts")
GRAPHS = ("inference/export/steps/graphs.py", "data/images/views.py")
OF_FORMAT = {  # modules that only one format needs
    ONNX: ("inference/export/steps/onnx_model.py",),
    HF: ("inference/export/steps/hf_model.py", *GRAPHS),
    TORCH: (
        *("inference/export/steps/torch_model.py", *GRAPHS),
        *("models/dropout.py", "models/mlp.py", "models/text_cnn.py", "models/rnn.py", "models/image_cnn.py"),
    ),
}
OF_IMAGES = ("inference/export/steps/pictures.py", "inference/export/steps/plain_errors.py", "data/images/decoding.py")
CALLED = {"plain_errors.py": "errors.py"}  # what stands there for trainer.errors
ALSO = (  # modules on numpy alone that the steps share with the framework
    "data/columns/number_forms.py",
    "data/columns/written_dates.py",
    "inference/conformal.py",
    "system/spreadsheets.py",
)
OURS = re.compile(r"^(\s*)from trainer\.(?:\w+\.)*(\w+) import", re.MULTILINE)
PREDICT = '''"""Predict new rows with the model in this folder: python predict.py new.csv -o predictions.csv."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))  # python -I leaves it out

from steps.predict_file import main

if __name__ == "__main__":
    sys.exit(main(Path(__file__).resolve().parent, sys.argv[1:]))
'''


def export_run(
    directory: Path,
    output: Path,
    *,
    form: str = "onnx",
    mode: str = "ensemble",
    legacy: bool = False,
    reduce: str | None = None,
    given: Given | None = None,
    places: Mapping[str, str] | None = None,
    plugins: Sequence[str] = (),
) -> Compared:
    """Write a folder with the model, model.json, predict.py and a model card.

    Args:
        directory: of the run.
        output: to write: not there, or an empty folder.
        form: of the model.
        mode: ``ensemble``, ``soup``, ``all`` or ``fold=0``.
        legacy: weights of ``form="torch"`` are pickled as before torch 1.6.
        reduce: ``half`` or ``int8``: a graph of less memory, whose cost is measured.
        given: rows of the run, where they were in memory when it was trained.
        places: where its files are now, by option: ``{"path": ...}``.
        plugins: packages whose classes may be built.

    Raises:
        ConfigError: something asked for cannot be; says what can.
        CheckpointError: the run cannot be read, or the exported model predicts otherwise than torch.
        DataError: the rows of the run, on which it is compared, are not here.
        StorageError: the folder cannot be written.
    """
    request = checked_request(directory, output, form=form, mode=mode, legacy=legacy, reduce=reduce)
    predictor = open_predictor(directory, folds=request.folds, device="cpu", plugins=plugins)
    samples, soup = samples_of(predictor.run, given, dict(places or {})), ""
    inputs, rows = some_rows(samples, kind_of(predictor, form))
    if mode == SOUP:
        predictor, soup = souped(predictor, inputs, samples.target[rows])
    facts = facts_of(predictor, form)
    if form == HF:
        require_hf(predictor)
    with new_folder(output) as folder:
        write_tokenizer(predictor, facts["kind"], folder)
        raw = raw_inputs(folder, facts, inputs)
        _write_model(predictor, facts, raw, folder, legacy=legacy)
        write_steps(folder, facts)
        done = replace(compared(predictor, inputs, rows, raw, model_of(folder, facts)), soup=soup)
        if reduce is not None:
            facts["reduced"] = reduce
            write_facts(folder, facts)
            done = replace(done, cost=_reduced(predictor, facts, folder, (rows, samples.target[rows], raw), reduce))
        (folder / "README.md").write_text(model_card(predictor, facts, done, request), encoding="utf-8")
    return done


def _write_model(predictor: Predictor, facts: dict[str, Any], raw: Raw, folder: Path, *, legacy: bool) -> None:
    if facts["format"] == ONNX:
        write_onnx(network_of(predictor, facts), raw, folder)
    elif facts["format"] == HF:
        write_hf(predictor, facts, folder)
    else:
        write_weights(network_of(predictor, facts), folder, form=facts["format"], legacy=legacy)


def _reduced(
    predictor: Predictor,
    facts: Mapping[str, Any],
    folder: Path,
    compared_rows: tuple[NDArray[np.int64], Target, Raw],
    how: str,
) -> Cost:
    """Make the graph smaller; return what that costs on rows, given by their numbers, targets and inputs."""
    rows, target, raw = compared_rows
    n_rows = PASS_ROWS[facts["kind"]]
    before_KBC = said_by(model_of(folder, facts), raw, n_rows)
    share = reduce_graph(folder, how)
    after_KBC = said_by(model_of(folder, facts), raw, n_rows)
    return cost_of(predictor, rows, target, (before_KBC, after_KBC), how=how, share=share)


def write_steps(folder: Path, facts: Mapping[str, Any]) -> None:
    """Write model.json, predict.py and the modules it is made of, which import each other and nothing of Foldwise."""
    write_facts(folder, facts)
    (folder / "predict.py").write_text(PREDICT, encoding="utf-8")
    (folder / "steps").mkdir()
    (folder / "steps" / "__init__.py").touch()
    of_format = OF_FORMAT.get(facts["format"], OF_FORMAT[TORCH])
    of_kind = OF_IMAGES if "images" in facts.get("kinds", [facts["kind"]]) else ()
    for path in (*(f"inference/export/steps/{name}.py" for name in STEPS), *ALSO, *of_format, *of_kind):
        source = (HOME / path).read_text(encoding="utf-8")
        name = CALLED.get(Path(path).name, Path(path).name)
        (folder / "steps" / name).write_text(OURS.sub(r"\1from steps.\2 import", source), encoding="utf-8")


def write_facts(folder: Path, facts: Mapping[str, Any]) -> None:
    """Write model.json."""
    (folder / "model.json").write_text(json.dumps(facts, ensure_ascii=False), encoding="utf-8")


@contextmanager
def new_folder(output: Path) -> Iterator[Path]:
    """Yield a folder beside the one that is to be written; it gets the name when all is well, else it is deleted.

    Raises:
        StorageError: it cannot be written.
    """
    place = Path(os.path.abspath(output))  # noqa: PTH100 resolve() would follow links
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{place.name}.", dir=place.parent))
    except OSError as error:
        raise storage_error(error, output, 0) from error
    try:
        yield made
        made.chmod(0o755)
        if place.is_dir():
            place.rmdir()  # empty
        made.rename(place)
    except OSError as error:
        raise storage_error(error, output, 0) from error
    finally:
        shutil.rmtree(made, ignore_errors=True)
