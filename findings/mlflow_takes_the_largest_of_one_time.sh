#!/usr/bin/env bash
# mlflow-skinny 3.17.2, sqlite: a metric that is logged three times for one step with one time (of whole milliseconds).
# Guess: the last one written is the run's value, and the history has them in the order in which they came.
# Seen: the *largest* is the run's value, and the history is sorted by value: a loss of 0.9, 0.1, 0.5 is 0.9 in the run,
#       in the table of runs and in search_runs. Which is "latest" goes by (step, time, value). A metric without a step has
#       step 0, so that losses of a fast loop share both; a score that is corrected downwards within the same time stays.
# Instead: give every value its own step.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check mlflow-skinny==3.17.2 sqlalchemy==2.1.9 alembic==1.20.1
cd "$folder"
GIT_PYTHON_REFRESH=quiet venv/bin/python -W ignore - <<'PY'
import mlflow
from mlflow import MlflowClient

client = MlflowClient("sqlite:///runs.db")
experiment = client.create_experiment("folds")
run = client.create_run(experiment).info.run_id
for loss in (0.9, 0.1, 0.5):
    client.log_metric(run, "same_time", loss, timestamp=1000, step=0)
for step, loss in enumerate((0.9, 0.1, 0.5)):
    client.log_metric(run, "own_step", loss, timestamp=1000, step=step)
latest = client.get_run(run).data.metrics
history = [entry.value for entry in client.get_metric_history(run, "same_time")]
found = client.search_runs([experiment], filter_string="metrics.same_time > 0.8")
print(f"mlflow {mlflow.__version__}: logged 0.9, 0.1, 0.5; latest {latest}, history {history}")
assert latest == {"same_time": 0.9, "own_step": 0.5}, "the behaviour has changed"
assert history == [0.1, 0.5, 0.9] and len(found) == 1, "the behaviour has changed"
PY
echo "as described"
