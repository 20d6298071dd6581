"""``audit`` of a Python program: what ``foldwise audit`` finds in a file."""

from typing import TYPE_CHECKING, Any

from trainer.api.data import named_as_arguments
from trainer.api.given import as_data

if TYPE_CHECKING:
    from trainer.audit.findings import Finding


def audit(data: Any, *, measure: bool = False) -> "list[Finding]":
    """Look for what would make scores on these rows too good; nothing is changed and no row is dropped.

    Args:
        data: as for ``cross_validate``; with ``split`` among its roles that split is audited, else all rows.
        measure: whether quick probes say what a leak is worth.

    Returns:
        Leaks first, then warnings, then notes.

    Example:
        >>> import trainer as fw
        >>> data = fw.texts(["good phone", "bad screen", "good phone"] * 9, ["pos", "neg", "pos"] * 9)
        >>> [finding.kind for finding in fw.audit(data)][0]
        'exact_copies'
    """
    from trainer.audit.standalone import audit_samples

    rows = as_data(data)
    with named_as_arguments():
        samples, spec = rows.load(rows.options.get("task"))
    return audit_samples(samples, spec, rows.name, measure=measure)
