"""Where a search stands: its trials best first, as a table on the terminal and as ``search.csv``."""

import csv
import io
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from trainer.config.search_space import Dimension
from trainer.report.formatting import duration, number
from trainer.search.study import reported_scores
from trainer.search.trial import FACTS, scores_of
from trainer.store.own_files import SEARCH_TABLE, TRIALS
from trainer.system.files import write_bytes
from trainer.system.spreadsheets import defused
from trainer.wording.translations import N_

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

MOST_SHOWN = 10
STATES = {
    "COMPLETE": N_("complete"),
    "PRUNED": N_("pruned"),
    "FAIL": N_("failed"),
    "RUNNING": N_("running"),
    "WAITING": N_("waiting"),
}
_ORDER = list(STATES.values())


@dataclass(frozen=True)
class TrialRow:
    """A trial as it is shown.

    Attributes:
        number: from 0.
        state: ``complete``, ``pruned``, ``failed``, ``running`` or ``waiting``.
        value: mean of the metric over the folds it has; NaN where it has none.
        scores: by place in the order of the folds; NaN where a fold is not trained.
        settings: by key, as they would be typed.
        why: it failed or ended early.
        seconds: it took, or NaN.
        training: seconds that its folds were trained, or NaN.
    """

    number: int
    state: str
    value: float
    scores: tuple[float, ...]
    settings: dict[str, Any]
    why: str
    seconds: float
    training: float = math.nan

    @property
    def n_folds(self) -> int:
        """How many folds are trained."""
        return sum(not math.isnan(score) for score in self.scores)


@dataclass(frozen=True)
class Standing:
    """The trials of a search.

    Attributes:
        rows: complete ones best first, then those that ended early, then the others.
        best: the best complete one, the first of equals (with a second objective the fastest of them); or None.
        n_folds: of a whole trial.
        front: of a search with a second objective the numbers of the trials that no other beats in both, best score
            first; empty without.
    """

    rows: tuple[TrialRow, ...]
    best: TrialRow | None
    n_folds: int
    front: tuple[int, ...] = ()

    def count(self, state: str) -> int:
        """Return how many trials are in a state."""
        return sum(row.state == state for row in self.rows)

    def trained(self) -> int:
        """Return how many folds were trained in all."""
        return sum(row.n_folds for row in self.rows)


def standing(study: "Study", order: Sequence[int]) -> Standing:
    """Return the trials of a study as they are now."""
    sign = -1.0 if study.directions[0].name == "MAXIMIZE" else 1.0
    rows = [_row(one, len(order)) for one in study.get_trials(deepcopy=False)]

    both = len(study.directions) > 1

    def rank(row: TrialRow) -> tuple[int, float, float, int]:
        value = math.inf if math.isnan(row.value) else sign * row.value
        return _ORDER.index(row.state), value, row.training if both and row.state == "complete" else 0.0, row.number

    rows.sort(key=rank)
    whole = [row for row in rows if row.state == "complete"]
    unbeaten = {one.number for one in study.best_trials} if both else set[int]()
    front = tuple(row.number for row in whole if row.number in unbeaten)
    return Standing(tuple(rows), whole[0] if whole else None, len(order), front)


def _row(trial: "FrozenTrial", n_folds: int) -> TrialRow:
    facts = trial.user_attrs.get(FACTS, {})
    scores_F = scores_of(reported_scores(trial), n_folds)
    known_F = scores_F[~np.isnan(scores_F)]
    value = float(known_F.mean()) if len(known_F) else math.nan
    return TrialRow(
        trial.number,
        STATES[trial.state.name],
        value,
        tuple(scores_F.tolist()),
        dict(trial.params),
        str(facts.get("why", "")),
        float(facts.get("seconds", math.nan)),
        float(facts.get("training", math.nan)),
    )


def write_table(directory: Path, now: Standing, metric: str, space: Sequence[Dimension]) -> None:
    """Write ``search.csv``: a row per trial, best first, numbers in full.

    Raises:
        StorageError: it cannot be written.
    """
    keys = [one.key for one in space]
    costs = ["training_seconds", "front"] if now.front else []
    heading = ["trial", "state", metric, "sd", "folds", "seconds", *costs, *map(defused, keys), "why", "run_dir"]
    sheet = io.StringIO()
    writer = csv.writer(sheet, lineterminator="\n")
    writer.writerow(heading)
    for row, sd in zip(now.rows, _sds(now), strict=True):
        figures = [None if math.isnan(row.value) else row.value, None if math.isnan(sd) else sd, row.n_folds]
        seconds = [None if math.isnan(row.seconds) else row.seconds]
        if now.front:
            seconds += [None if math.isnan(row.training) else row.training, row.number in now.front]
        settings = [defused(_text(row.settings.get(key, ""))) for key in keys]
        place = f"{TRIALS}/{row.number:04d}"
        writer.writerow([row.number, row.state, *figures, *seconds, *settings, defused(row.why), place])
    write_bytes(directory / SEARCH_TABLE, sheet.getvalue().encode(), root=directory, what=N_("leaderboard"))


def _sds(now: Standing) -> list[float]:
    """Return the standard deviation over the folds of each trial in one go; NaN of fewer than two."""
    scores_TF = np.array([row.scores for row in now.rows]).reshape(len(now.rows), now.n_folds)
    known_T = (~np.isnan(scores_TF)).sum(axis=1)
    sds_T = np.full(len(scores_TF), math.nan)
    sds_T[known_T > 1] = np.nanstd(scores_TF[known_T > 1], axis=1, ddof=1)
    return list(sds_T.tolist())


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def show_table(now: Standing, metric: str, space: Sequence[Dimension], console: Console) -> None:
    """Print the best trials, and how all of them ended."""
    shown = Table(title="Trials", title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for heading in ("#", metric, "folds", "time", "state", "settings"):
        right = heading in (metric, "folds", "time")
        shown.add_column(Text(heading), justify="right" if right else "left", no_wrap=heading != "settings")
    for row in now.rows[:MOST_SHOWN]:
        settings = settings_text({one.key: row.settings[one.key] for one in space if one.key in row.settings})
        took = "–" if math.isnan(row.seconds) else duration(row.seconds)
        cells = [str(row.number), number(row.value), f"{row.n_folds}/{now.n_folds}", took, row.state, settings]
        best = now.best is not None and row.number == now.best.number
        shown.add_row(*(Text(text) for text in cells), style="bold" if best else "")
    console.print(shown)
    for line in (*counted_lines(now), *front_lines(now, metric)):
        console.print(Text(line), soft_wrap=True)


def front_lines(now: Standing, metric: str, say: Callable[[str], str] = str) -> list[str]:
    """Return which trials no other beats in both objectives, best score first; nothing of a search with one."""
    rows = {row.number: row for row in now.rows}
    named = [
        say("trial {trial}: {value} in {time}").format(
            trial=number_of, value=number(rows[number_of].value), time=duration(rows[number_of].training)
        )
        for number_of in now.front
    ]
    said = say("no other trial is better in both {metric} and training time: {trials}")
    return [said.format(metric=metric, trials="; ".join(named))] if named else []


def settings_text(settings: Mapping[str, Any]) -> str:
    """Return settings to be read, numbers with four digits: ``optimizer.lr=0.05313 loss=ce``."""
    return " ".join(
        f"{key}={value:.4g}" if isinstance(value, float) else f"{key}={_text(value)}" for key, value in settings.items()
    )


def counted_lines(now: Standing, say: Callable[[str], str] = str) -> list[str]:
    """Return how many trials ended how, and what the failed ones said.

    Args:
        now: the trials.
        say: says a template in the language of the reader.
    """
    counts = ", ".join(f"{now.count(state)} {say(state)}" for state in _ORDER if now.count(state))
    of_all = now.n_folds * sum(row.state in ("complete", "pruned") for row in now.rows)
    trained = sum(row.n_folds for row in now.rows if row.state in ("complete", "pruned"))
    saved = say("; {n} folds trained of {all}").format(n=trained, all=of_all) if now.count("pruned") else ""
    whys = dict.fromkeys(row.why for row in sorted(now.rows, key=lambda row: row.number) if row.state == "failed")
    told = [say("failed: {why}").format(why=why) for why in list(whys)[:3]]
    return [say("{n} trials: {counts}").format(n=len(now.rows), counts=counts) + saved, *told]
