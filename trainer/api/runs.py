"""A run as a program sees it: its result, its predictions, its report."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from trainer.api import inspecting
from trainer.api.in_notebooks import Metrics, Report, as_frame
from trainer.errors import CheckpointError, ConfigError

if TYPE_CHECKING:
    from trainer.inference.decide import Decided
    from trainer.inference.export.against_torch import Compared
    from trainer.inference.fold_check import FoldCheck
    from trainer.inference.verify_export import ExportCheck
    from trainer.results import CVResult


@dataclass(frozen=True)
class Run:
    """A run directory, as ``cross_validate`` returns and ``open_run`` opens it; files are read when they are asked for.

    Attributes:
        path: of the directory.
    """

    path: Path

    inspect = inspecting.inspect
    slices = inspecting.slices
    importance = inspecting.importance

    @property
    def name(self) -> str:
        """The run's name."""
        return self.path.name

    @property
    def missing(self) -> list[int]:
        """The folds that are not trained yet; a run has a result when there are none."""
        from trainer.run.missing import missing_folds

        return missing_folds(self.path)

    @property
    def result(self) -> "CVResult":
        """The whole result, as in cv.json.

        Raises:
            CheckpointError: folds are missing.
        """
        from trainer.run.missing import missing_message
        from trainer.store.result_files import read_cv_json

        if not (self.path / "cv.json").is_file():
            raise CheckpointError(missing_message(self.path, self.missing) or f"{self.path}: not merged yet")
        return read_cv_json(self.path / "cv.json")

    @property
    def metrics(self) -> Metrics:
        """Mean, standard deviation, out-of-fold value and interval of each metric."""
        from dataclasses import asdict

        return Metrics({name: asdict(summary) for name, summary in self.result.metrics.items()})

    @property
    def oof(self) -> Any:
        """Out-of-fold predictions, one row per input row and repeat: a pandas frame, without pandas an Arrow table."""
        import pyarrow.parquet as pq

        from trainer.system import arrow_files
        from trainer.system.folders import read_file

        _ = self.result
        return as_frame(pq.read_table(arrow_files.copied(read_file(self.path / "oof.parquet", self.path))))

    @property
    def audit(self) -> list[dict[str, Any]]:
        """What the leak audit found before the first step."""
        from trainer.store.run_files import read_manifest

        found: list[dict[str, Any]] = read_manifest(self.path).get("audit", [])
        return found

    def predict(
        self,
        data: Any,
        *,
        folds: Sequence[int] | str | None = None,
        average: str = "proba",
        device: str | None = None,
        batch_size: int | None = None,
        plugins: Sequence[str] = (),
        drift: str | PathLike[str] | None = None,
        **asked: Any,
    ) -> Any:
        """Predict new rows: id, prediction, probabilities, spread between folds, entropy; a frame, as ``oof`` is.

        Args:
            data: a file, folder or zip file, a frame, or what the run was trained on without its labels: an array,
                arrays by the name of the model's input, a list of texts.
            folds: their numbers; ``"all"`` is the model of ``cv.fold=all``; None = every fold.
            average: of the folds: proba, logits or ranks.
            device: to predict on; None = as the run was configured.
            batch_size: rows of one forward pass.
            plugins: packages of yours that the run's classes are from.
            drift: page (.html) to write on how the rows differ from the training rows; a frame has it in ``attrs`` too.
            **asked: ``id``, ``file``, ``images``, ``encoding``, ``delimiter``, ``skip_broken`` of ``foldwise predict``.

        Example:
            >>> import numpy, trainer as fw
            >>> X = numpy.random.default_rng(0).normal(size=(60, 4))
            >>> small = {"cv": {"n_splits": 2}, "max_epochs": 1, "runtime": {"progress": "off"}}
            >>> run = fw.cross_validate((X, X[:, 0] > 0), model="mlp", run="x1", **small)
            >>> list(run.predict(X[:3]))
            ['id', 'prediction', 'proba_false', 'proba_true', 'spread', 'entropy']
        """
        from trainer.inference.new_rows import Asked
        from trainer.inference.predict import predict_in_memory
        from trainer.inference.predictor import open_predictor

        wanted = [folds] if isinstance(folds, str) else folds
        predictor = open_predictor(self.path, folds=wanted, device=device, batch_size=batch_size, plugins=plugins)
        page, said = Path(drift) if drift else None, Asked(**asked)
        table, outcome = predict_in_memory(predictor, data, average=average, asked=said, drift=page)
        return as_frame(table, outcome.drift)

    @overload
    def verify(self, data: Any = None, *, export: None = None, **options: Any) -> "list[FoldCheck]": ...

    @overload
    def verify(self, data: Any = None, *, export: str | PathLike[str], **options: Any) -> "ExportCheck": ...

    def verify(
        self, data: Any = None, *, export: str | PathLike[str] | None = None, **options: Any
    ) -> "list[FoldCheck] | ExportCheck":
        """Predict every held-out row again from the saved files and compare with the out-of-fold predictions.

        Args:
            data: the rows it was trained on, where they were in memory; None = read where the run says.
            export: a folder of ``export``, whose model predicts the rows instead; the answer is its ``folds`` and
                ``notes`` on what else was compared.
            **options: ``plugins``, ``tolerance``; without ``export`` also ``device``, ``folds``.

        Raises:
            CheckpointError: a row is predicted otherwise than it was.
        """
        from trainer.api.given import rows_of

        given = rows_of(data)
        if export is None:
            from trainer.inference.verify import verify

            return verify(self.path, given=given, **options)
        from trainer.inference.verify_export import verify_export

        if options.keys() & {"folds", "device"}:
            raise ConfigError("folds and device are of the run itself: an exported folder is compared as a whole")
        return verify_export(self.path, Path(export), given=given, **options)

    def decide(
        self,
        metric: str | None = None,
        *,
        cost: str | None = None,
        calibrate: str | None = None,
        coverage: float | None = None,
    ) -> "Decided":
        """Choose thresholds, calibrate, and make sets that cover, on the held-out rows; the run keeps it.

        What a fold's rows are decided by comes from the other folds: ``figures`` has both that value and the one on the
        rows that were fitted on.

        Args:
            metric: that thresholds are for: ``f1_macro``, ``mcc``, ``recall@precision=0.9``, ...
            cost: matrix of costs, ``"0,1;5,0"``.
            calibrate: ``temperature``, ``platt``, ``isotonic`` or ``vector``.
            coverage: share of rows whose set of classes, or interval, is to hold the truth.

        Raises:
            ConfigError: something wanted cannot be.
            DataError: what is asked for is never reached, or a single fold is held out.

        Example:
            >>> import trainer as fw
            >>> QUIET = {"progress": "off"}
            >>> run = fw.cross_validate("iris", cv={"n_splits": 2}, max_epochs=1, runtime=QUIET)
            >>> [figures] = run.decide("f1_macro").figures
            >>> figures.in_sample >= figures.before
            True
        """
        from trainer.inference.decide import Wanted, decide_run
        from trainer.inference.decision_run import save_decision

        decided = decide_run(self.path, Wanted(metric, cost, calibrate, coverage))
        save_decision(self.path, decided)
        return decided

    def export(
        self, out: str | PathLike[str], *, format: str = "onnx", mode: str = "ensemble", data: Any = None, **more: Any
    ) -> "Compared":
        """Write the run as a folder that predicts without Foldwise; return how far it is from torch.

        Args:
            out: folder to write.
            format: of the model (docs/guide/export.md).
            mode: ``ensemble``, ``all`` or one fold, such as ``fold=0``.
            data: the rows it was trained on, where they were in memory; None = read where the run says.
            **more: ``legacy``, ``reduce`` (``half`` or ``int8``) and ``plugins``.
        """
        from trainer.api.given import rows_of
        from trainer.inference.export.blended import export

        return export(self.path, Path(out).expanduser(), form=format, mode=mode, given=rows_of(data), **more)

    def report(self) -> Report:
        """Return the report; in a notebook it is shown."""
        _ = self.result
        return Report(self.path / "report.md")

    def __repr__(self) -> str:
        if not (self.path / "cv.json").is_file():
            return f"Run({str(self.path)!r}, folds missing: {', '.join(map(str, self.missing))})"
        result = self.result
        summary = result.metrics[result.primary]
        return f"Run({str(self.path)!r}, {result.primary} {summary.mean:.4f} ± {summary.sd:.4f})"

    def _repr_html_(self) -> str:
        done = (self.path / "cv.json").is_file()
        return (
            f"<p>{escape(str(self.path))}</p>{self.metrics._repr_html_()}"
            if done
            else f"<pre>{escape(repr(self))}</pre>"
        )


def open_run(path: str | PathLike[str]) -> Run:
    """Open a run directory, whichever way it was trained; nothing of it is executed.

    Args:
        path: of the directory, such as ``runs/a1``.

    Raises:
        CheckpointError: it is no run.

    Example:
        >>> import trainer as fw
        >>> QUIET = {"progress": "off"}
        >>> trained = fw.cross_validate("iris", run="a1", cv={"n_splits": 2}, max_epochs=1, runtime=QUIET)
        >>> fw.open_run("runs/a1").metrics == trained.metrics
        True
    """
    from trainer.run.copies import open_copy

    directory = Path(path).expanduser()
    try:
        open_copy(directory)
    except json.JSONDecodeError as error:
        raise CheckpointError(f"{directory}: its files are damaged: {error}") from error
    return Run(directory)
