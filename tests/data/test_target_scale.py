import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from trainer.data.target_scale import TargetScale


def test_it_is_scikit_learn_s_standard_scaler_and_goes_back():
    values = np.random.default_rng(0).normal(1e6, 30, 200)
    scale = TargetScale.fit(values[:150])
    reference = StandardScaler().fit(values[:150, None])
    assert scale.standardised(values) == pytest.approx(reference.transform(values[:, None])[:, 0], abs=1e-9)
    assert scale.restored(scale.standardised(values)) == pytest.approx(values, rel=1e-14)
    assert TargetScale(**scale.to_json()) == scale


def test_equal_targets_are_divided_by_one():
    assert TargetScale.fit(np.full(4, 7.0)) == TargetScale(7.0, 1.0)
