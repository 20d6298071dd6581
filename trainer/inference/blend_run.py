"""A blend as a run directory: the files a trained run has, and blend.json, which says of what it is made."""

import hashlib
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console

from trainer.config.help import BLEND_DOOR
from trainer.errors import CheckpointError
from trainer.inference.blend import FITS_NOTHING, Blend, make_blend, member_scores, metric_names, weights_text
from trainer.inference.combine import Combination, from_plain
from trainer.inference.fit_weights import require_method
from trainer.inference.level_two import read_columns
from trainer.inference.members import read_members
from trainer.metrics.find import load_metric
from trainer.report.formatting import number, plain_label
from trainer.report.rich_tables import headed_table
from trainer.run.copies import FOLDS
from trainer.run.decided import FOLDS_SHA256
from trainer.run.merge import Merged, merge
from trainer.run.show_merged import show as show_merged
from trainer.store.fold_files import fold_directory, save_fold
from trainer.store.identity import Identity
from trainer.store.own_files import BLEND, whole_or_nothing
from trainer.store.run_files import ROWS, is_run, read_manifest, rows_table, write_run
from trainer.system.files import make_directory, sealed, unsealed
from trainer.system.folders import is_there, read_file
from trainer.wording.lists import first_few

SOFTWARE = ("numpy", "scipy", "scikit-learn")


@dataclass(frozen=True)
class SavedBlend:
    """What blend.json says.

    Attributes:
        members: directories of the runs.
        folds_sha256: of each run, when it was blended (``held_out.folds_sha256``).
        combination: weights for new rows.
        metric: that leads.
        seed: of the bags.
    """

    members: tuple[Path, ...]
    folds_sha256: tuple[str, ...]
    combination: Combination
    metric: str
    seed: int


@dataclass(frozen=True)
class BlendResult:
    """A blend that was written.

    Attributes:
        blend: what was fitted.
        merged: its result as a run.
        score: the leading metric, cross-fitted.
    """

    blend: Blend
    merged: Merged
    score: float

    @property
    def line(self) -> str:
        """Both figures, in words."""
        if self.blend.fitted.method in FITS_NOTHING:
            return f"{plain_label(self.blend.metric)} {number(self.score)}; nothing was fitted"
        return both_figures(plain_label(self.blend.metric), self.score, self.blend.in_sample)


def both_figures(label: str, cross_fitted: float, in_sample: float) -> str:
    """Return ``accuracy 0.7978 cross-fitted, 0.8011 on the rows it was fitted on``."""
    return f"{label} {number(cross_fitted)} cross-fitted, {number(in_sample)} on the rows it was fitted on"


def blend_runs(
    directories: Sequence[Path],
    out: Path,
    *,
    method: str = "greedy",
    metric: str | None = None,
    allow_different_folds: bool = False,
    seed: int = 0,
    plugins: Sequence[str] = (),
    features: Sequence[str] = (),
) -> BlendResult:
    """Blend runs into a run of its own.

    Args:
        directories: of the runs.
        out: directory of the blend; another run there is left alone.
        method: ``mean``, ``rank``, ``greedy``, ``nonnegative`` or ``stack``.
        metric: that leads and that greedy selection goes by; None = that of the first run.
        allow_different_folds: blend runs of the same rows in other folds all the same.
        seed: of the bags of greedy selection.
        plugins: packages whose metrics may be computed.
        features: columns of the rows that ``stack`` sees beside the runs; ``["all"]`` = all.

    Raises:
        ConfigError: a setting cannot be.
        DataError: the runs do not fit together; says in what.
        CheckpointError: a run is not finished or damaged, or another run is in ``out``.
        StorageError: the blend cannot be written.
    """
    members = read_members(directories, allow_different_folds=allow_different_folds)
    for name in members.first.run.facts["metrics"]:
        load_metric(name, plugins)
    require_method(method, members.first.task, features=bool(features))
    columns = read_columns(members, features, plugins) if features else None
    made = make_blend(members, method, metric, seed=seed, columns=columns)
    identity = _identity(made, out, seed)
    _require_free(out, identity)
    with whole_or_nothing(out):
        make_directory(out)
        write_run(out, _files(made, out, identity, directories, seed))
        for one in made.folds:
            place = fold_directory(out, one.repeat * members.plan.n_splits + one.fold)
            save_fold(place, one, amp={"skipped_steps": 0, "loss_scale": 1.0}, identity=identity, files={})
        merged = merge(out, plugins=plugins)
    return BlendResult(made, merged, merged.result.metrics[made.metric].oof)


def read_blend(run: Path) -> SavedBlend | None:
    """Return of what a blend is made; None where the run is none.

    Raises:
        CheckpointError: blend.json is damaged.
    """
    if not is_there(run / BLEND, run):
        return None
    facts = unsealed(run / BLEND, run)
    try:
        members = facts["members"]
        paths = tuple(run / member["path"] for member in members)
        sha256 = tuple(one[FOLDS_SHA256] for one in members)
        return SavedBlend(paths, sha256, from_plain(facts["combination"]), facts["metric"], facts["seed"])
    except (KeyError, TypeError) as error:
        raise CheckpointError(f"{run}/{BLEND} is damaged, or of another version: {type(error).__name__}") from error


def _require_free(out: Path, identity: Identity) -> None:
    """Refuse a directory in which another run is; the same blend again is written again."""
    if not is_run(out):
        return
    there = read_manifest(out).get("identity", {})
    if (
        not is_there(out / BLEND, out)
        or there.get("content") != identity["content"]
        or there.get("config") != identity["config"]
    ):
        raise CheckpointError(f"{out} holds another run: choose another --out")


def _identity(made: Blend, out: Path, seed: int) -> Identity:
    """Return what decides the numbers of a blend, in the form that runs have."""
    facts = made.facts(out)
    first, columns = made.members.first.run, made.fitted.columns
    named = {} if columns is None else {"blend.features": list(columns.names)}
    identity: Identity = {
        "config": {"blend.method": made.fitted.method, "blend.metric": made.metric, "blend.seed": seed, **named},
        "content": {
            FOLDS: made.members.plan.fingerprint,
            "data (sha256)": first.identity["content"].get("data (sha256)"),
            **{f"{one['path']} (sha256)": one[FOLDS_SHA256] for one in facts["members"]},
        },
        "software": {name: version(name) for name in SOFTWARE},
        "hardware": {"device": "cpu", "threads": None},
        "length": {"max_epochs": 0},
    }
    return identity


def _files(made: Blend, out: Path, identity: Identity, directories: Sequence[Path], seed: int) -> dict[str, bytes]:
    members, first = made.members, made.members.first
    rows = _rows(made)
    typed = [*map(str, directories), "--out", str(out), "--method", made.fitted.method]
    typed += ["--metric", made.metric, *(["--seed", str(seed)] if seed else [])]
    if made.fitted.columns is not None:
        typed += ["--features", ",".join(made.fitted.columns.names)]
    facts: Mapping[str, Any] = {
        "identity": identity,
        "door": BLEND_DOOR,
        "command": typed,
        "task": first.task.name,
        "classes": list(first.classes),
        "metrics": metric_names(members, made.metric),
        "select": "last",
        "amp": {},
        "about": _about(made, typed),
        "profile": {},
        "warnings": list(members.notes),
        "sha256": {ROWS: hashlib.sha256(rows).hexdigest()},
    }
    return {
        "manifest.json": sealed(facts),
        ROWS: rows,
        BLEND: sealed(made.facts(out)),
        "folds.json": members.plan.to_json().encode(),
    }


def _rows(made: Blend) -> bytes:
    """Return rows.parquet: that of the first run, with the groups of the first that has any."""
    first = made.members.first
    group_N = next((run.group_N for run in made.members.runs if run.group_N is not None), None)
    if first.group_N is not None or group_N is None:
        return read_file(first.directory / ROWS, first.directory)
    return rows_table(first.ids_N, first.target, group_N.astype(str))


def _about(made: Blend, typed: Sequence[str]) -> dict[str, Any]:
    weights = ", ".join(f"{name} {weight:.3f}" for name, weight in weights_text(made).items())
    in_sample = f"{plain_label(made.metric)} {number(made.in_sample)}, which flatters"
    fits = made.fitted.method not in FITS_NOTHING
    return {
        "blend of": weights,
        "method": made.fitted.method,
        **({} if made.fitted.columns is None else {"beside them": first_few(made.fitted.columns.names)}),
        **({"on the rows its weights were fitted on": in_sample} if fits else {}),
        "command": f"{BLEND_DOOR} {shlex.join(typed)}",
    }


def show(console: Console, result: BlendResult) -> None:
    """Print the runs with their weights, the blend's tables, and both figures."""
    made, label = result.blend, plain_label(result.blend.metric)
    table = headed_table(f"Blend, {made.fitted.method}")
    table.add_column("run", overflow="fold")
    for heading in ("weight", f"{label}, out of fold"):
        table.add_column(heading, justify="right", no_wrap=True)
    scores = member_scores(made.members, made.metric)
    for (name, weight), value in zip(weights_text(made).items(), scores, strict=True):
        table.add_row(name, f"{weight:.3f}", number(value))
    if made.fitted.columns is not None:
        table.add_row(f"{first_few(made.fitted.columns.names)} of the rows", "", "")
    table.add_row("blend", "", number(result.score), style="bold")
    console.print(table)
    show_merged(console, result.merged)
    for note in made.members.notes:
        console.print(f"note: {note}", highlight=False, soft_wrap=True)
    console.print(result.line, highlight=False, soft_wrap=True)
