"""A blend as a folder: each of its runs as a folder of its own, and what puts together what they say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.data.sources.in_memory import Given
from trainer.errors import ConfigError
from trainer.inference.average import PROBA, averaged
from trainer.inference.combine import combine
from trainer.inference.decision import decision_for
from trainer.inference.export.against_torch import Compared, difference
from trainer.inference.export.blend_card import blend_card
from trainer.inference.export.facts import FORMAT_VERSION, versions
from trainer.inference.export.kinds import kind_of
from trainer.inference.export.networks import in_float32, raw_inputs
from trainer.inference.export.of_run import DONE_SHA256
from trainer.inference.export.steps.deciding import mean_of
from trainer.inference.export.steps.predict_file import BLEND, facts_in, model_of, said_by
from trainer.inference.export.wanted import ENSEMBLE, HF, checked_request
from trainer.inference.export.write import export_run, new_folder, write_steps
from trainer.inference.predict_blend import Models, OpenBlend, open_blend
from trainer.inference.predictor import open_predictor
from trainer.inference.trained import samples_of
from trainer.store.own_files import is_blend
from trainer.store.run_files import read_run_rows

MOST_ROWS = 256  # compared of the blend itself; each run is compared by itself before

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Asked:
    """What holds for the blend and each of its runs."""

    options: Mapping[str, Any]
    given: Given | None
    places: Mapping[str, str]
    plugins: Sequence[str]


def export(
    directory: Path,
    output: Path,
    *,
    given: Given | None = None,
    places: Mapping[str, str] | None = None,
    plugins: Sequence[str] = (),
    **options: Any,
) -> Compared:
    """Write a run, or a blend of runs, as a folder.

    Args:
        directory: of the run.
        output: to write: not there, or an empty folder.
        given: as of ``export_run``, as are all others.
        places: likewise.
        plugins: likewise.
        **options: ``form``, ``mode``, ``legacy`` and ``reduce``.

    Raises:
        ConfigError: something asked for cannot be; says what can.
        CheckpointError: the run cannot be read, or what was exported predicts otherwise than torch.
        DataError: the rows of the run, on which it is compared, are not here.
        StorageError: the folder cannot be written.
    """
    if not is_blend(directory):
        return export_run(directory, output, given=given, places=places, plugins=plugins, **options)
    checked_request(directory, output, **{"form": "onnx", "mode": ENSEMBLE, **options})
    if options.get("mode", ENSEMBLE) != ENSEMBLE or options.get("form") == HF:
        raise ConfigError(
            f"{directory} is a blend, all folds of whose runs predict: --mode ensemble, in any format but hf\n"
            "export one of its runs by itself"
        )
    return _export_blend(directory, output, Asked(options, given, places or {}, plugins))


def _export_blend(directory: Path, output: Path, asked: Asked) -> Compared:
    opened = open_blend(directory, Models("cpu", plugins=asked.plugins))
    if opened.saved.combination.columns is not None:
        raise ConfigError(
            f"{directory} sees columns of the rows beside its runs (--features), which a folder does not\n"
            "use foldwise predict, or export a blend without them"
        )
    with new_folder(output) as folder:
        names = [f"{place}_{member.name}" for place, member in enumerate(opened.saved.members)]
        found = {
            name: export(
                member, folder / name, given=asked.given, places=asked.places, plugins=asked.plugins, **asked.options
            )
            for name, member in zip(names, opened.saved.members, strict=True)
        }
        facts = _facts(opened, [facts_in(folder / name) for name in names], names)
        write_steps(folder, facts)
        done = replace(compared_blend(opened, folder, facts, asked), members=tuple(found.values()))
        (folder / "README.md").write_text(blend_card(directory, facts, done), encoding="utf-8")
    return done


def _facts(opened: OpenBlend, of_runs: Sequence[Mapping[str, Any]], names: Sequence[str]) -> dict[str, Any]:
    decision, _ = decision_for(opened.copy, [])
    first = of_runs[0]
    return {
        "version": FORMAT_VERSION,
        "format": first["format"],
        "kind": BLEND,
        "kinds": sorted({kind for one in of_runs for kind in one.get("kinds", [one["kind"]])}),
        **{name: first[name] for name in ("task", "classes", "label_delimiter", "outputs")},
        "members": list(names),
        "folds": list(names),
        DONE_SHA256: {name: one[DONE_SHA256] for name, one in zip(names, of_runs, strict=True)},
        "combination": opened.saved.combination.to_plain(),
        "decision": None if decision is None else decision.to_plain(),
        "versions": versions(),
    }


def compared_blend(opened: OpenBlend, folder: Path, facts: Mapping[str, Any], asked: Asked) -> Compared:
    """Compare what the folder says with what torch does, on rows of the blend.

    Raises:
        CheckpointError: it is something else.
    """
    ids_N, target, _ = read_run_rows(opened.copy.directory, opened.copy.task)
    chosen = np.unique(np.linspace(0, len(ids_N) - 1, min(len(ids_N), MOST_ROWS)).astype(np.int64))
    found_BC, wanted_BC = _said(opened, folder, facts, ids_N[chosen], asked)
    unit = 1.0 if opened.copy.task.has_classes else float(np.std(target)) or 1.0
    largest = difference(found_BC[None], wanted_BC[None], unit)
    return Compared(len(chosen), largest, None, "")


def _said(
    opened: OpenBlend, folder: Path, facts: Mapping[str, Any], ids_B: NDArray[np.str_], asked: Asked
) -> tuple[Floats, Floats]:
    """Return what the folder and what torch say of rows by their ids, (B, C) each."""
    pairs = [
        _said_by_run(place, folder / name, ids_B, asked)
        if not isinstance(member, OpenBlend)
        else _said(member, folder / name, facts_in(folder / name), ids_B, asked)
        for member, place, name in zip(opened.members, opened.saved.members, facts["members"], strict=True)
    ]
    found_KBC, wanted_KBC = (np.stack(said) for said in zip(*pairs, strict=True))
    return mean_of(found_KBC, facts), combine(opened.saved.combination, opened.copy.task, wanted_KBC)


def _said_by_run(place: Path, folder: Path, ids_B: NDArray[np.str_], asked: Asked) -> tuple[Floats, Floats]:
    predictor = in_float32(open_predictor(place, device="cpu", plugins=asked.plugins, raw=True))
    samples = samples_of(predictor.run, asked.given, dict(asked.places))
    part = samples.only(np.isin(samples.ids_N, ids_B))
    order = np.argsort(part.ids_N)[np.searchsorted(np.sort(part.ids_N), ids_B)]
    facts = facts_in(folder)
    assert facts["kind"] == kind_of(predictor, facts["format"])
    raw = raw_inputs(folder, facts, part.inputs)
    found_BC = mean_of(said_by(model_of(folder, facts), raw, facts, None).astype(np.float64), facts)
    wanted = averaged(predictor.models, predictor.predict(part.inputs), PROBA, predictor.run.spec.task)
    return found_BC[order], wanted.proba_BC[order]
