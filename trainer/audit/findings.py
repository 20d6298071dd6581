"""What an audit says: one finding per kind of problem, with the rows to look at and the option that helps."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Severity = Literal["leak", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("leak", "warning", "note")
EXAMPLES = 5


@dataclass(frozen=True)
class Finding:
    """One thing a person should know before the first step.

    Attributes:
        kind: which check found it, such as ``exact_copies``.
        severity: ``leak`` (a held-out row is known from training), ``warning`` (look at it), ``note``.
        message: one or two plain sentences.
        rows: examples, numbered from 1 as in every message about a file.
        n_rows: how many rows it concerns.
        folds: names of the folds it concerns.
        fix: the option that helps, such as ``cv.group=auto_duplicates``; empty where no option does.
    """

    kind: str
    severity: Severity
    message: str
    rows: tuple[int, ...] = ()
    n_rows: int = 0
    folds: tuple[str, ...] = ()
    fix: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {**asdict(self), "rows": list(self.rows), "folds": list(self.folds)}


def worst_first(findings: Sequence[Finding]) -> list[Finding]:
    """Return leaks, then warnings, then notes; the order within each is kept."""
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))


def examples(rows: NDArray[np.int64]) -> tuple[int, ...]:
    """Return the first row numbers, counted from 1."""
    return tuple(int(row) + 1 for row in rows[:EXAMPLES])


def count(n: int, singular: str, plural: str = "") -> str:
    """Write ``1 row`` or ``2,094 rows``."""
    return f"{n:,} {singular if n == 1 else plural or singular + 's'}"
