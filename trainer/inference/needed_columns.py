"""The columns that a run needs of a new table, and how it knows them."""

from collections.abc import Sequence
from difflib import get_close_matches

from trainer.data.columns.features import MISSING
from trainer.data.columns.known_features import KnownFeatures
from trainer.data.columns.number_forms import words_for_none
from trainer.data.columns.reading import TABLE, TEXT, Reading
from trainer.errors import DataError, shown
from trainer.inference.predictor import Predictor
from trainer.system.spellings import spelling_key

NO_IDS = "none"


def needed_columns(reading: Reading, kind: str, file: str | None) -> list[str]:
    """Return the columns without which there is no prediction."""
    if kind == TABLE:
        return [*reading.get("numeric", ()), *reading.get("categorical", ())]  # neither where they are sparse
    if kind == TEXT:
        return [*reading["text"], *reading["pair"]]
    return [file or reading.get("file", "file")]


def plain_numbers(reading: Reading) -> tuple[frozenset[str], tuple[str, ...]]:
    """Return the columns of numbers that were written plainly, and what their cells hold where they have no value."""
    plain = frozenset(reading.get("numeric", ())) - set(reading.get("written", {}))
    return plain, tuple(words_for_none(reading.get("missing", MISSING)))


def require_columns(wanted: Sequence[str], have: Sequence[str], named: str, ids: str | None) -> None:
    """Refuse a table that lacks columns; names all of them, and what they may be called here.

    Raises:
        DataError: some are missing.
    """
    missing = [name for name in wanted if name not in have]
    if not missing:
        return
    spare = {spelling_key(name): name for name in have if name not in wanted}
    said = []
    for name in missing[:5]:
        near = get_close_matches(spelling_key(name), spare, n=1, cutoff=0.6)
        said.append(f"'{shown(name, 40)}'" + (f" (here '{shown(spare[near[0]], 40)}'?)" if near else ""))
    are = "is" if len(missing) == 1 else "are"
    more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
    advice = f"\n--id {NO_IDS} numbers the rows, --id COL takes another column" if missing == [ids] else ""
    raise DataError(
        f"{named}: {len(missing)} of the {len(wanted)} columns the run needs {are} missing: {', '.join(said)}{more}\n"
        f"have: {shown(', '.join(map(repr, have)), 200)}\nname them as in the run's data{advice}"
    )


def known_features(predictor: Predictor) -> KnownFeatures:
    """Return the feature columns of a run, with the categories that any of its folds knows."""
    reading = predictor.run.spec.reading
    known: dict[str, frozenset[str]] = {}
    for model in predictor.models:
        words = getattr(model.fitted, "categories", ())
        for name, of_column in zip(getattr(model.fitted, "categorical", ()) if words else (), words, strict=True):
            known[name] = known.get(name, frozenset()) | frozenset(of_column)
    missing = reading.get("missing", MISSING)
    return KnownFeatures(reading["numeric"], reading["categorical"], reading.get("written", {}), missing, known)
