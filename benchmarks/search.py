"""What ending trials early saves: fold trainings and best score by rule, over studies on bundled data.

    python -m benchmarks.search [STUDIES] [TRIALS] [JSON]

Each study draws its trials (``search=random``), so that no trial depends on how an earlier one ended: all folds of all
trials are trained once, and each rule is then read off the same table of scores, as a search under that rule would have
met them. ``first fold`` is what is done elsewhere: a trial goes on after its first fold if that is no worse than the
median of the earlier first folds.
"""

import json
import sys
import tempfile
from pathlib import Path

import numpy as np

from trainer.config.compose import compose_run
from trainer.evidence.racing import FEWEST_MEDIAN, verdict
from trainer.run.validate import check_config
from trainer.search.search_table import standing
from trainer.search.study import open_study
from trainer.search.sweep import run

SETS = {"digits": ["max_epochs=3", "batch_size=64"], "breast_cancer": ["max_epochs=3"], "wine": ["max_epochs=5"]}
SPACE = (
    "search.space={optimizer.lr: log(1e-4,1e-1), model.dropout: uniform(0,0.5), model.hidden: [[8],[32],[32,32]],"
    " optimizer.weight_decay: log(1e-5,1)}"
)
QUIET = ("audit=off", "preflight=off", "profile=off", "baseline=off", "tracker=none", "runtime.progress=off")
PLAIN = ("runtime.threads=1", "checkpoint.save_weights=false", "search=random", "search.prune=off", "search.final=none")
RULES = ("off", "racing", "median", "first fold")


def scores_of_study(data: str, seed: int, trials: int, place: Path) -> np.ndarray:
    """Train all folds of all trials; return their scores (T, K) in the order of trials and folds."""
    name = f"{data}-{seed}"
    options = [f"search.trials={trials}", f"search.seed={seed}", f"seed={seed}", f"cv.random_state={seed}"]
    command = [f"data={data}", *SETS[data], *QUIET, *PLAIN, SPACE, *options, f"run={name}", f"paths.runs={place}"]
    run(*compose_run(command, check_config))
    now = standing(open_study(place / name, greater_is_better=True), range(5))
    rows = sorted((row for row in now.rows if row.state == "complete"), key=lambda row: row.number)
    return np.array([row.scores for row in rows])


def replayed(score_TF: np.ndarray, rule: str) -> tuple[int, float]:
    """Return how many folds a search under a rule trains, and the mean of the best complete trial."""
    seen_TF = np.full_like(score_TF, np.nan)
    for trial, scores_F in enumerate(score_TF):
        for fold, score in enumerate(scores_F):
            seen_TF[trial, fold] = score
            if ends(rule, seen_TF[trial], seen_TF[:trial]):
                break
    whole_TF = seen_TF[~np.isnan(seen_TF).any(axis=1)]
    return int((~np.isnan(seen_TF)).sum()), float(whole_TF.mean(axis=1).max())


def ends(rule: str, score_F: np.ndarray, earlier_TF: np.ndarray) -> bool:
    """Return whether a trial ends after the folds it has."""
    n_done = int((~np.isnan(score_F)).sum())
    if n_done == len(score_F):
        return False
    if rule == "first fold":
        worse = len(earlier_TF) >= FEWEST_MEDIAN and bool(score_F[0] < np.median(earlier_TF[:, 0]))
        return n_done == 1 and worse
    return verdict(rule, score_F, earlier_TF) is not None


def main(studies: int = 20, trials: int = 12, out: str = "") -> None:
    """Train, replay and print a table."""
    tables = []
    with tempfile.TemporaryDirectory() as place:
        for seed in range(studies):
            data = list(SETS)[seed % len(SETS)]
            tables.append((data, scores_of_study(data, seed, trials, Path(place))))
            if out:
                Path(out).write_text(json.dumps([(name, table.tolist()) for name, table in tables]))
    print(report([table for _, table in tables]))


def report(tables: list[np.ndarray]) -> str:
    """Return the table of the rules."""
    lines = ["| rule | fold trainings | of those without a rule | same best trial | mean best score | worst loss |"]
    lines.append("|---|---|---|---|---|---|")
    whole = [replayed(table, "off") for table in tables]
    for rule in RULES:
        found = [replayed(table, rule) for table in tables]
        folds, most = sum(n for n, _ in found), sum(n for n, _ in whole)
        losses = [before - now for (_, before), (_, now) in zip(whole, found, strict=True)]
        same = sum(loss < 1e-12 for loss in losses)
        best = np.mean([score for _, score in found])
        share = f"{folds / most:.2f}"
        lines.append(f"| {rule} | {folds} | {share} | {same} of {len(tables)} | {best:.4f} | {max(losses):.4f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]), *sys.argv[3:4])
