"""MLflow: a parent run per cross validation, a child run per fold; curves, settings, report and predictions."""

import os
import re
from pathlib import Path
from typing import Any, ClassVar

from trainer.report.terminal import PrintLine
from trainer.trackers.courier import Told
from trainer.trackers.sender import Message, defined, result_files, settings

NAME, LONGEST_VALUE = "mlflow", 6000
AT_ONCE_METRICS, AT_ONCE_PARAMS = 1000, 100  # of one request
DEFAULT_STORE = "sqlite:///mlflow.db"  # what MLflow's own page looks for, in the folder where the command is typed
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "15",
}


class MlflowTracker(Told):
    """Tell MLflow, from a process of its own.

    Args:
        directory: of the run.
        print_line: prints one line.
        uri: of the tracking server or store; None = MLFLOW_TRACKING_URI, or sqlite in ``mlflow.db``.
        experiment: it is entered in.
        flush_seconds: that the end of the run waits at most for what is not sent yet.
    """

    needs: ClassVar[str] = NAME
    sink: ClassVar[str] = f"{__name__}:MlflowSink"

    def __init__(
        self,
        directory: Path,
        print_line: PrintLine,
        uri: str | None = None,
        experiment: str = "foldwise",
        flush_seconds: float = 2.0,
    ) -> None:
        uri = uri or os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_STORE
        super().__init__(directory, print_line, flush_seconds, uri=uri, experiment=experiment)


class MlflowSink:
    """Sends with MLflow's client; ``ids`` has the experiment, the parent run and the runs of the folds."""

    def __init__(self, directory: Path, ids: dict[str, Any], uri: str, experiment: str) -> None:
        for name, value in QUIET.items():
            os.environ.setdefault(name, value)
        from mlflow.tracking import MlflowClient

        self.directory, self.ids, self.experiment = directory, ids, experiment
        self.client: Any = MlflowClient(tracking_uri=uri)
        self.open: set[str] = set()  # runs that this process has begun or gone on with
        self.at = 0  # when the message at hand was told, in milliseconds: runs take as long as their folds

    def send(self, messages: list[Message]) -> None:
        """Send what folds and run are told, the values of each run in as few requests as there can be."""
        from mlflow.entities import Metric

        points: dict[str, list[Any]] = {}
        for message in messages:
            self.at = at = int(message["at"] * 1000)
            run = self._parent() if message["kind"] == "finished" else self._child(message["fold"])
            values, step = defined(message.get("values", {})), message.get("step", 0)
            points.setdefault(run, []).extend(Metric(clean(key), value, at, step) for key, value in values.items())
        for run, metrics in points.items():
            for first in range(0, len(metrics), AT_ONCE_METRICS):
                self.client.log_batch(run, metrics=metrics[first : first + AT_ONCE_METRICS])
        for message in messages:
            self.at = int(message["at"] * 1000)
            if message["kind"] == "fold_finished":
                self._end(self._child(message["fold"]), "FINISHED")
            elif message["kind"] == "finished":
                for path in result_files(self.directory):
                    self.client.log_artifact(self._parent(), str(path))
                self._end(self._parent(), "FINISHED")

    def close(self) -> None:
        """Mark what has not finished: it was stopped, and may be gone on with."""
        for run in list(self.open):
            self._end(run, "KILLED")

    def _end(self, run: str, status: str) -> None:
        if run in self.open:
            self.client.set_terminated(run, status, end_time=self.at)
            self.open.discard(run)

    def _parent(self) -> str:
        if "run" not in self.ids:
            from mlflow.entities import Param

            run = self._create(self.directory.name, {})
            params = [Param(clean(key), value[:LONGEST_VALUE]) for key, value in settings(self.directory).items()]
            for first in range(0, len(params), AT_ONCE_PARAMS):
                self.client.log_batch(run, params=params[first : first + AT_ONCE_PARAMS])
            self.ids["run"] = run
        return self._opened(str(self.ids["run"]))

    def _child(self, fold: str) -> str:
        runs = self.ids.setdefault("folds", {})
        parent = self._parent()
        if fold not in runs:
            tags = {"mlflow.parentRunId": parent, "foldwise.fold": fold}
            runs[fold] = self._create(f"{self.directory.name} fold {fold}", tags)
        return self._opened(str(runs[fold]))

    def _create(self, name: str, tags: dict[str, str]) -> str:
        found = self.client.get_experiment_by_name(self.experiment)
        number = self.client.create_experiment(self.experiment) if found is None else found.experiment_id
        kind = {"foldwise.run": self.directory.name, "mlflow.source.name": "foldwise"}
        run = str(self.client.create_run(number, start_time=self.at, run_name=name, tags=kind | tags).info.run_id)
        self.open.add(run)
        return run

    def _opened(self, run: str) -> str:
        """Return a run; one of an earlier process goes on."""
        if run not in self.open:
            self.client.update_run(run, status="RUNNING")
            self.open.add(run)
        return run


def clean(name: str) -> str:
    """Return a name as MLflow takes it: letters, digits and - _ . : / and spaces."""
    return re.sub(r"[^\w\-. :/]", "_", name.replace("@", "_at_"), flags=re.ASCII)
