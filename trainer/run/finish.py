"""The end of a run: merged and printed where all folds are there; else what is missing, and what completes it."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from trainer.config.schema import RunConfig
from trainer.data.samples import Samples
from trainer.report.terminal import line_printer
from trainer.run.merge import Merged, merge
from trainer.run.merge import show as show_merged
from trainer.run.missing import missing_folds, missing_message
from trainer.run.page_facts import PageRequest
from trainer.run.resume import ResumePlan, require_none_elsewhere
from trainer.store.fold_files import ALL, fold_directory
from trainer.system.folders import is_there
from trainer.trackers.build import make_trackers
from trainer.trackers.hparams import hparams


def finish(
    config: RunConfig,
    directory: Path,
    resume_plan: ResumePlan,
    wanted: Sequence[int | str],
    console: Console,
    samples: Samples,
) -> Merged | None:
    """Merge and print the result where all folds are there; else say what is missing."""
    if config.cv.fold == ALL:
        console.print(f"fitted on all rows: {fold_directory(directory, ALL)}", highlight=False, soft_wrap=True)
        return None
    missing = missing_folds(directory)
    if missing:
        console.print(missing_message(directory, missing), highlight=False, soft_wrap=True)
        require_none_elsewhere(directory, wanted, config.max_epochs)
        return None
    request = PageRequest(config.report.language, samples)
    before = is_there(directory / "cv.json", directory)  # merged by the job that ended last
    merged = merge(directory, force=config.force_resume or bool(resume_plan.forced), page=request)
    by_job = before and config.executor.name != "local"
    for tracker in [] if by_job else make_trackers(config.tracker, config.plugins, directory, line_printer(console)):
        tracker.finished(merged.result, hparams(asdict(config)))
    show_merged(console, merged)
    return merged
