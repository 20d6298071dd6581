import shlex

import numpy as np

from tests.data.sources.test_image_arrays import LABELS, medmnist, mnist, write_floats, write_pickled_batch
from trainer.look.look_at import look_at

END = ("model=image_cnn", "data.split=true", "cv=predefined")


def test_a_split_is_the_split(tmp_path):
    path = medmnist(tmp_path / "my med.npz")
    look = look_at(path)
    assert (look.n_rows, look.task, look.balance) == (6, "multiclass", {"0": 2, "1": 2, "2": 2})
    assert look.facts == ("5 x 7 (height x width), colour",)
    assert look.candidates["split"][0].why == "train, val, test"
    assert shlex.split(look.train)[2:] == ["data=image_arrays", f"data.path='{path}'", *END]
    assert shlex.split(look.audit) == ["foldwise", "audit", path]
    assert look_at(mnist(tmp_path)).n_rows == 6


def test_without_a_split_folds_are_made(tmp_path):
    np.savez(tmp_path / "a.npz", images=np.zeros((6, 4, 4), np.uint8), labels=np.eye(3, dtype=int)[LABELS])
    assert look_at(str(tmp_path / "a.npz")).train.endswith("model=image_cnn loss=bce cv=multilabel")


def test_what_is_refused_is_said(tmp_path):
    for number, (write, words) in enumerate(((write_floats, "is float64"), (write_pickled_batch, "never loaded"))):
        (folder := tmp_path / str(number)).mkdir()
        look = look_at(str(write(folder)))
        assert words in look.refusals[0].why
        assert not look.train


def test_arrays_without_images_are_called_so(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.zeros((4, 2)), y=np.array([1, 0, 1, 0]))
    look = look_at(str(tmp_path / "a.npz"))
    assert (look.what, look.train) == ("arrays without images (x: 4 x 2)", "")
    assert "fw.cross_validate((X, y))" in look.advice
