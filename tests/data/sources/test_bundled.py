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
    np.testing.assert_array_equal(samples.target, source.target)
    assert spec.name == name
    assert spec.classes == tuple(str(label) for label in source.get("target_names", ()))
    assert spec.task == {0: REGRESSION, 2: BINARY}.get(len(spec.classes), MULTICLASS)
    assert len(samples.inputs.numeric) == source.data.shape[1]
    assert samples.inputs.categorical_NK.shape == (len(samples), 0)
    assert len(set(samples.ids_N.tolist())) == len(samples)


def test_unknown_name() -> None:
    with pytest.raises(ConfigError, match="did you mean 'digits'"):
        load_bundled("digit")
