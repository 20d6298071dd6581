"""Numbers as they are."""

import numpy as np
import pytest
import torch

from trainer.data.preprocess.raw import FittedRaw, RawNumbers
from trainer.data.samples import Arrays, TableColumns, Texts
from trainer.errors import ConfigError, DataError

PIXELS = np.arange(2 * 3 * 4 * 5, dtype=np.float32).reshape(2, 3, 4, 5)


def test_rows_are_the_numbers_and_say_their_size():
    fitted = RawNumbers().fit(Arrays({"x": PIXELS}), np.array([0]))
    assert fitted.model_arguments == {"in_channels": 3, "image_size": (4, 5)}
    rows = FittedRaw.from_json(fitted.to_json()).transform(Arrays({"x": PIXELS}))
    assert torch.equal(rows.take(torch.tensor([1]))["x"], torch.from_numpy(PIXELS[1:]))
    with pytest.raises(DataError, match=r"\(3, 4, 4\)"):
        fitted.transform(Arrays({"x": PIXELS[..., :4]}))


def test_columns_are_taken_where_no_value_is_missing():
    none = np.empty((2, 0), dtype=object)
    rows = (
        RawNumbers()
        .fit(TableColumns(np.eye(2), none, ("a", "b")), np.array([0]))
        .transform(TableColumns(np.eye(2), none, ("a", "b")))
    )
    assert torch.equal(rows.take(torch.arange(2))["numeric"], torch.eye(2))
    with pytest.raises(ConfigError, match="fills no missing value in"):
        RawNumbers().fit(TableColumns(np.full((2, 1), np.nan), none, ("a",)), np.array([0]))
    with pytest.raises(ConfigError, match="is for numbers"):
        RawNumbers().fit(Texts(("a", "b")), np.array([0]))
