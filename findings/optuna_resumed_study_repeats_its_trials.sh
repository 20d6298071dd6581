#!/usr/bin/env bash
# optuna 5.0.0: a study with TPESampler(seed=0) that is stopped and gone on with by the same program.
# Guess: load_if_exists=True goes on where it stood: trial 5 is what it would have been without the stop.
# Seen: the study holds trials, not the sampler. The same seed draws the first trials once more: trials 5 to 9 have the
#       parameters of trials 0 to 4 to the last bit, are trained again and count again. A program that is stopped
#       after every few trials never leaves them while the sampler still draws at random (10 trials).
# Instead: a seed made of the base seed and the number of trials that the study holds, or the sampler pickled with it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check optuna==5.0.0
"$folder/venv/bin/python" -W ignore - <<'PY'
import optuna

optuna.logging.set_verbosity(optuna.logging.ERROR)


def parameters(parts):
    """Return what was tried by a study whose program was started anew for each part."""
    storage = optuna.storages.InMemoryStorage()
    for trials in parts:
        study = optuna.create_study(
            study_name="lr", storage=storage, load_if_exists=True, sampler=optuna.samplers.TPESampler(seed=0)
        )
        study.optimize(lambda trial: (trial.suggest_float("x", -1, 1) - 0.3) ** 2, n_trials=trials)
    return [trial.params["x"] for trial in study.trials]


whole, stopped = parameters([10]), parameters([5, 5])
print(f"optuna {optuna.__version__}: {len(set(whole))} different trials of 10 in one go, {len(set(stopped))} when stopped after 5")
assert len(set(whole)) == 10
assert stopped[5:] == stopped[:5], "the behaviour has changed"
PY
echo "as described"
