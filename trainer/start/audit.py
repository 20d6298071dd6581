"""The leak audit at the start of a run: what makes its scores too good is said before the first step."""

import time
from typing import Any

from numpy.typing import NDArray
from rich.console import Console

from trainer.audit.findings import Finding, count
from trainer.audit.measure import measure
from trainer.audit.run import audit
from trainer.config.errors import DataError
from trainer.data.samples import TableColumns, Texts
from trainer.experiment import Experiment
from trainer.report.audit_table import show

MOST_TEXTS = 50_000  # more texts are searched for near copies only under audit=strict and by ``foldwise audit``
MOST_NAMED = 3


def audit_start(experiment: Experiment, console: Console) -> list[dict[str, Any]]:
    """Audit the rows under the run's split and print what was found.

    Returns:
        The findings as plain values.

    Raises:
        DataError: ``audit=strict`` and a held-out row is known from training.
    """
    config, samples, plan = experiment.config, experiment.samples, experiment.plan
    if config.audit == "off" or not isinstance(samples.inputs, (TableColumns, Texts)):
        return []
    started, strict = time.perf_counter(), config.audit == "strict"
    near = 0.8 if strict or len(samples) <= MOST_TEXTS else None

    def train_rows(repeat: int, fold: int) -> Any:
        return plan.rows(repeat, fold)[0]

    times_N = None if samples.times_N is None else as_dates(samples.times_N)
    findings = audit(
        samples,
        experiment.spec,
        plan.fold_of_row,
        times_N=times_N,
        train_rows=train_rows,
        given=plan.strategy == "predefined",
        near=near,
    )
    if findings:
        show(findings, console)
    else:
        seconds = time.perf_counter() - started
        console.print(f"audit: nothing found in {seconds:.1f} s", highlight=False)
    leaks = [finding for finding in findings if finding.severity == "leak"]
    if strict and leaks:
        gaps = measure(samples, experiment.spec, plan.fold_of_row, train_rows=train_rows, times_N=times_N)
        show([gap.to_finding() for gap in gaps], console, title="What the leak is worth")
        raise DataError(refusal(leaks))
    return [finding.to_dict() for finding in findings]


def as_dates(times_N: NDArray[Any]) -> NDArray[Any]:
    """Return micro- or nanoseconds since 1970 as the times they are (1973 to 2100), any other numbers as they are."""
    if times_N.dtype.kind == "i":
        for unit, low, high in (("us", 10**14, 41 * 10**14), ("ns", 10**17, 41 * 10**17)):
            if low <= times_N.min() and times_N.max() <= high:
                return times_N.astype(f"datetime64[{unit}]")
    return times_N


def refusal(leaks: list[Finding]) -> str:
    """Return the message of ``audit=strict``: the leaks, and the options that close them."""
    fixes = list(dict.fromkeys(leak.fix for leak in leaks if leak.fix))
    named = [leak.message.partition(". ")[0].rstrip(".") for leak in leaks[:MOST_NAMED]]
    more = f"; and {len(leaks) - MOST_NAMED} more" if len(leaks) > MOST_NAMED else ""
    advice = f"use {' or '.join(fixes)}, or audit=warn" if fixes else "repair the data, or use audit=warn"
    return f"the audit found {count(len(leaks), 'leak')}: {'; '.join(named)}{more}\n{advice} to train all the same"


def in_words(finding: dict[str, Any]) -> str:
    """Return a finding as one line of the report."""
    fix = f" Fix: {finding['fix']}." if finding["fix"] else ""
    return f"audit, {finding['severity']}: {finding['message']}{fix}"
