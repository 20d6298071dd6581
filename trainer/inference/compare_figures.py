"""What there is to say of two runs, figure by figure: a text each, and why where there is none."""

import math
from collections.abc import Iterator

from trainer.evidence.correlated_bayes import Posterior
from trainer.evidence.delong import DeLong
from trainer.evidence.mcnemar import McNemar
from trainer.evidence.not_defined import NotDefined
from trainer.evidence.paired_bootstrap import Drawn
from trainer.evidence.resampled_t import FoldSpread
from trainer.inference.compare import Comparison
from trainer.inference.compared_pairs import Pair, Smallest
from trainer.report.formatting import number, signed
from trainer.wording.translations import _

_LEAST_P = 1e-4


def pair_rows(comparison: Comparison, pair: Pair) -> Iterator[tuple[str, str]]:
    """Yield a name and a text for each figure of two runs."""
    corrected = _(" (p-values corrected for {n} pairs, Holm)").format(n=pair.n_pairs) if pair.n_pairs > 1 else ""
    positive = _("{difference}, positive: {b} is better")
    yield _("difference"), positive.format(difference=signed(pair.lead), b=pair.b.name) + corrected
    yield _("95 % CI"), rows_text(comparison, pair.rows)
    if pair.mcnemar is not None:
        yield _("McNemar, exact"), mcnemar_text(pair, pair.mcnemar)
    if pair.delong is not None:
        yield "DeLong", delong_text(pair, pair.delong)
    yield _("corrected t-test"), folds_text(pair, pair.folds)
    yield _("Bayesian t-test"), probable_text(pair, pair.probable)
    yield _("power"), smallest_text(pair.smallest)
    if not math.isnan(pair.seed_sd):
        yield _("seeds"), seeds_text(pair)


def questions(comparison: Comparison) -> list[str]:
    """Return which figures answer which question: those of rows say nothing of the way of training."""
    pairs = [pair for pair in comparison.pairs if not pair.same and not math.isnan(pair.lead)]
    if not pairs:
        return []
    made = [(pair.mcnemar, pair.delong) for pair in pairs]
    tests = [name for name, kind in (("McNemar", McNemar), ("DeLong", DeLong)) if any(_has(one, kind) for one in made)]
    rows = ", ".join([_("95 % CI over rows"), *tests])
    by_folds = any(not isinstance(pair.folds, NotDefined) for pair in pairs)
    lines = [_("is this trained model better? {figures}").format(figures=rows)]
    folds = _("corrected and Bayesian t-test over folds; those over rows do not answer this")
    nothing = _("nothing here answers this: the tests over folds are undefined")
    return [*lines, _("is this way of training better? {figures}").format(figures=folds if by_folds else nothing)]


def _has(found: tuple[object, ...], kind: type) -> bool:
    return any(isinstance(one, kind) for one in found)


def seeds_text(pair: Pair) -> str:
    """Return the difference in units of what another seed changes."""
    told = {"sd": number(pair.seed_sd), "n": len(pair.a.by_seed)}
    if pair.seed_sd > 0:
        said = _("{times} times the standard deviation of the seed ({sd}, over {n} seeds)")
        beyond = "" if pair.within_seeds else _("; more than one shows nothing by itself")
        return said.format(times=f"{pair.lead / pair.seed_sd:+.1f}", **told) + beyond
    return _("the standard deviation of the seed ({sd}, over {n} seeds) is 0").format(**told)


def rows_text(comparison: Comparison, rows: Drawn | NotDefined) -> str:
    """Return the interval over rows, or groups."""
    if isinstance(rows, NotDefined):
        return not_defined(rows)
    unit = _("rows") if comparison.n_groups is None else _("{n} groups").format(n=comparison.n_groups)
    drawn = _("the same drawn for both") if comparison.is_paired else _("drawn for each by itself")
    said = _("{ends}, over {unit}: {drawn}, {n} times")
    return said.format(ends=_ends(rows.ci95), unit=unit, drawn=drawn, n=rows.n_draws)


def mcnemar_text(pair: Pair, found: McNemar | NotDefined) -> str:
    """Return how many predictions only one of them has right."""
    if isinstance(found, NotDefined):
        return not_defined(found)
    by_row = _(", signs of rows") if pair.a.run.plan.repeats > 1 else ""
    signs = _(", signs of whole groups") if found.unit == "group" else by_row
    right = _("; only {a} is right {n_a} times, only {b} {n_b} times").format(
        a=pair.a.name, n_a=found.only_a, b=pair.b.name, n_b=found.only_b
    )
    return p_text(pair.p["mcnemar"]) + signs + right


def delong_text(pair: Pair, found: DeLong | NotDefined) -> str:
    """Return the test of two areas with its interval."""
    if isinstance(found, NotDefined):
        return not_defined(found)
    return _("{p}, 95 % CI {ends}").format(p=p_text(pair.p["delong"]), ends=_ends(found.ci95))


def folds_text(pair: Pair, found: FoldSpread | NotDefined) -> str:
    """Return the test over folds with its interval."""
    if isinstance(found, NotDefined):
        return not_defined(found)
    said = _("{p}, 95 % CI {ends}, over {n} folds")
    return said.format(p=p_text(pair.p["folds"]), ends=_ends(found.ci95), n=found.df + 1)


def probable_text(pair: Pair, found: Posterior | NotDefined) -> str:
    """Return ``a better 3 %, equal 61 % (within 0.01), b better 36 %``."""
    if isinstance(found, NotDefined):
        return not_defined(found)
    a, equal, b = (f"{100 * share:.0f} %" for share in (found.a_better, found.equal, found.b_better))
    return _("{a} better {of_a}, equal {equal} (within {rope:.3g}), {b} better {of_b}").format(
        a=pair.a.name, of_a=a, equal=equal, rope=found.rope, b=pair.b.name, of_b=b
    )


def smallest_text(found: Smallest | NotDefined) -> str:
    """Return what the folds can show, and what more repeats could."""
    if isinstance(found, NotDefined):
        return not_defined(found)
    said = _("the smallest difference these folds can show is {size}").format(size=number(found.now))
    if found.repeats is None or found.then is None:
        return said
    more = _("; cv.repeats={n} would make it {size}").format(n=found.repeats, size=number(found.then))
    return said + more


def not_defined(found: NotDefined) -> str:
    """Return why there is no figure."""
    return f"– ({found.why})"


def p_text(p: float) -> str:
    """Return ``p = 0.013``, or ``p < 0.0001``."""
    return f"p < {_LEAST_P:.4f}" if p < _LEAST_P else f"p = {p:.{4 if p < 0.001 else 3}f}"


def _ends(ci95: tuple[float, float]) -> str:
    return _("{low} to {high}").format(low=signed(ci95[0]), high=signed(ci95[1]))
