import numpy as np
import torch

from trainer.data.loading.batches import DenseRows
from trainer.data.loading.mapped_rows import BatchesOn, MappedRows
from trainer.system.mapped_arrays import filled


def test_on_the_cpu_they_are_dense_rows_without_a_copy(tmp_path):
    def fill(start, out):
        out[:] = np.arange(start, start + len(out))[:, None]

    values = filled((50, 3), np.float32, fill, tmp_path)
    rows = MappedRows({"numeric": values}).to(torch.device("cpu"))
    assert type(rows) is DenseRows  # so that folds are stacked and steps traced as ever
    assert rows.inputs["numeric"].data_ptr() == values.ctypes.data
    assert rows.take(torch.tensor([7, 3]))["numeric"].tolist() == [[7.0] * 3, [3.0] * 3]


def test_for_another_device_batches_alone_are_moved():
    """The device ``meta`` has no memory: it stands for one that the rows would not fit on."""
    meta = torch.device("meta")
    rows = MappedRows({"numeric": np.arange(6.0).reshape(3, 2), "categorical": np.arange(3)[:, None]}).to(meta)
    assert isinstance(rows, BatchesOn)
    assert rows.inputs["numeric"].device.type == "cpu"
    batch = rows.take(torch.tensor([2, 0]))
    assert {name: (value.device.type, tuple(value.shape)) for name, value in batch.items()} == {
        "numeric": ("meta", (2, 2)),
        "categorical": ("meta", (2, 1)),
    }
    assert rows.lengths() is None
