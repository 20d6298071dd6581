import numpy as np
import pytest
from sklearn import datasets

from trainer.data.sources.bundled import BUNDLED, load_bundled
from trainer.errors import ConfigError
from trainer.tasks import BINARY, MULTICLASS, REGRESSION


@pytest.mark.parametrize("name", BUNDLED)
def test_same_rows_as_scikit_learn(name: str) -> None:
    samples, spec = load_bundled(name)
    source = getattr(datasets, f"load_{name}")()
    np.testing.assert_array_equal(samples.inputs.numeric_NF, source.data)
    assert spec.name == name
    classes = source.get("target_names", np.array([], dtype=str)).astype(str)
    assert sorted(spec.classes) == sorted(classes.tolist())
    if name == "breast_cancer":
        assert [spec.classes[label] for label in samples.target] == classes[source.target].tolist()
    else:
        assert spec.classes == tuple(classes.tolist())
        np.testing.assert_array_equal(samples.target, source.target)
    assert spec.task == {0: REGRESSION, 2: BINARY}.get(len(spec.classes), MULTICLASS)
    assert len(samples.inputs.numeric) == source.data.shape[1]
    assert samples.inputs.categorical_NK.shape == (len(samples), 0)
    assert len(set(samples.ids_N.tolist())) == len(samples)


def test_malignant_is_positive_unless_asked_otherwise() -> None:
    assert load_bundled("breast_cancer")[1].describe_positive() == "malignant (by its name)"
    samples, spec = load_bundled("breast_cancer", positive="benign")  # as scikit-learn numbers them
    assert (spec.classes, spec.positive) == (("malignant", "benign"), "benign")
    np.testing.assert_array_equal(samples.target, datasets.load_breast_cancer().target)
    with pytest.raises(ConfigError, match=r"data\.positive=2: only a binary task has a positive class, there are 3"):
        load_bundled("iris", positive=2)
    with pytest.raises(ConfigError, match=r"data\.positive=2: only a binary task has a positive class, a number is"):
        load_bundled("diabetes", positive=2)


def test_unknown_name() -> None:
    with pytest.raises(ConfigError, match="did you mean 'digits'"):
        load_bundled("digit")
