"""Small real data sets that come with scikit-learn."""

from dataclasses import replace

import numpy as np

from trainer.data.columns.numbers import describe_numbers
from trainer.data.columns.options import ClassName, ColumnOptions
from trainer.data.columns.positive import positive_last, refuse_positive
from trainer.data.columns.reading import TABLE, reading_of
from trainer.data.samples import DataSpec, Samples, TableColumns
from trainer.errors import ConfigError, did_you_mean
from trainer.system.late_imports import BY_SKLEARN, imported_later
from trainer.tasks import REGRESSION, of_classes

BUNDLED = ("digits", "breast_cancer", "wine", "iris", "diabetes")


def load_bundled(name: str, *, positive: ClassName = None) -> tuple[Samples, DataSpec]:
    """Load digits (1,797 x 64), breast_cancer (569 x 30), wine (178 x 13), iris (150 x 4) or diabetes (442 x 10).

    Classes are numbered as scikit-learn has them, except that breast_cancer's positive one is last: malignant.

    Args:
        name: of the data set.
        positive: the positive one of two classes; None = malignant.

    Raises:
        ConfigError: there is no such data set, or no such class.
    """
    with imported_later(BY_SKLEARN):  # other data sets are read from files
        from sklearn import datasets

    if name not in BUNDLED:
        raise ConfigError(f"data.name={name}: no bundled data set{did_you_mean(str(name), BUNDLED)}")
    source = getattr(datasets, f"load_{name}")()
    n_rows = len(source.target)
    inputs = TableColumns(
        numeric_NF=np.asarray(source.data, dtype=np.float64),
        categorical_NK=np.empty((n_rows, 0), dtype=object),
        numeric=tuple(str(feature) for feature in source.feature_names),
    )
    samples = Samples(
        ids_N=np.arange(n_rows).astype(np.str_),
        inputs=inputs,
        target=np.asarray(source.target, dtype=np.int64 if "target_names" in source else np.float64),
    )
    if "target_names" not in source:
        refuse_positive(positive, "a number is predicted")
        notes = (describe_numbers(samples.target),)
        return samples, DataSpec(name, REGRESSION, (), notes, reading=reading_of(TABLE, ColumnOptions(), ["label"]))
    labels = [str(label) for label in source.target_names]
    classes, because = positive_last(labels, np.bincount(samples.target).tolist(), positive)
    place = np.array([classes.index(label) for label in labels])
    samples = replace(samples, target=place[samples.target])
    pairs = ", ".join(f"{label} -> {index}" for index, label in enumerate(classes))
    reading = reading_of(TABLE, ColumnOptions(), ["label"])
    return samples, DataSpec(name, of_classes(len(classes)), classes, (f"labels: {pairs}",), because, reading)
