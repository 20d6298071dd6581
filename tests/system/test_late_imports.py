import subprocess
import sys
from importlib.util import find_spec

import pytest

from tests.places import REPOSITORY
from trainer.system import late_imports

ONLY_TRAINS = """
import sys
from trainer.system import fast_import
from trainer.system.late_imports import BY_FOLDWISE, BY_MATPLOTLIB, BY_SKLEARN, BY_TORCH, imported_later, trains_only
with fast_import.first_import("fractions"):
    import fractions
def there(names):
    return sorted(name for name in names if name in sys.modules)
"""


def in_a_process(code):
    result = subprocess.run(
        [sys.executable, "-c", ONLY_TRAINS + code], capture_output=True, text=True, cwd=REPOSITORY, timeout=120
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines()


SKLEARN = """
fast_import.import_sklearn_without_unused()
with imported_later(BY_SKLEARN):
    import sklearn.covariance, sklearn.datasets, sklearn.ensemble, sklearn.isotonic, sklearn.linear_model
"""
SKLEARN_USED = """
import numpy as np, numpy.f2py, scipy
rng = np.random.default_rng(0)
X, y = rng.normal(size=(40, 3)), np.arange(40) % 2
from sklearn import metrics, preprocessing
print(metrics.auc([0, 0.5, 1], [0, 0.8, 1]), metrics.roc_auc_score(y, X[:, 0]))
print(metrics.average_precision_score(y, X[:, 0]), metrics.pairwise_distances(X, metric="cityblock").sum())
print(metrics.label_ranking_average_precision_score([[1, 0], [0, 1]], [[0.2, 0.1], [0.3, 0.1]]))
print(preprocessing.PowerTransformer().fit_transform(X).std(), preprocessing.SplineTransformer().fit_transform(X).shape)
print(preprocessing.QuantileTransformer(n_quantiles=9, output_distribution="normal").fit_transform(X).mean())
trees = sklearn.ensemble.HistGradientBoostingClassifier(max_iter=3, random_state=0).fit(X, np.arange(40) % 3)
print(trees.predict_proba(X).sum(axis=0), sklearn.covariance.MinCovDet(random_state=0).fit(X).dist_[:2])
print(sklearn.linear_model.LassoLarsCV(cv=3).fit(X, y).coef_, sklearn.isotonic.check_increasing(X[:, 0], y))
import scipy.linalg.interpolative, scipy.optimize
for how in ("simplicial", "sobol"):
    print(scipy.optimize.shgo(lambda x: ((x - 0.3) ** 2).sum(), [(-1, 2), (-1, 2)], sampling_method=how).x.round(6))
product = np.outer(X[:, 0], X[:, 1])
print(scipy.linalg.interpolative.estimate_rank(product, 1e-6, rng=1), np.f2py.__name__, scipy.stats.norm.cdf(0.0))
import joblib
print(joblib.Parallel(n_jobs=2)(joblib.delayed(abs)(-n) for n in range(3)))
"""


def test_what_scikit_learn_and_scipy_take_of_other_modules_works_as_ever():
    late = in_a_process(f"{SKLEARN}\nprint(there(BY_SKLEARN))\n{SKLEARN_USED}")
    at_once = in_a_process(f"import narwhals, numpy.f2py, scipy.stats, scipy.io, pandas\n{SKLEARN}\n{SKLEARN_USED}")
    assert late == ["[]", *at_once]
    assert at_once[0].startswith("0.65 ")
    assert at_once[-2:] == ["8 numpy.f2py 0.5", "[0, 1, 2]"]


FRAMES = """
fast_import.import_sklearn_without_unused()
import numpy as np, scipy.sparse as sparse
from sklearn.linear_model import LinearRegression
print(LinearRegression().fit(np.ones((3, 2)), [0, 1, 2]).predict([[1.0, 1.0]]), "narwhals" in sys.modules)
import narwhals.stable.v2 as frames, pandas as pd, polars as pl, pyarrow as pa, sklearn.utils.validation as validation
class Own(np.ndarray):
    pass
array = np.ones((2, 2))
values = [array, array.view(Own), np.ma.array(array), np.float32(1), [1], [[1]], (1,), {"a": [1]}, "a", None, 1, int]
values += [sparse.csr_array(array), array.astype(object), np.array(["a"]), np.array([{}]), [pd.Series([1])], range(2)]
values += [pd.DataFrame(array), pd.Series([1]), pd.Index([1]), pl.DataFrame({"a": [1]}), pl.Series([1])]
values += [pa.table({"a": [1]}), pa.chunked_array([[1]]), pa.array([1]), frames.from_native(pl.DataFrame({"a": [1]}))]
asked = getattr(validation, "nw", frames).dependencies
print(asked is frames.dependencies)
for name in ("is_into_dataframe", "is_into_series"):
    early, late = getattr(asked, name), getattr(frames.dependencies, name)
    print([early(value) for value in values] == [late(value) for value in values])
print([asked.is_into_dataframe(value) for value in values].count(True))
for frame in (pd.DataFrame, pl.DataFrame):
    line = LinearRegression().fit(frame({"a": [1.0, 2.0, 4.0], "b": [0.0, 1.0, 0.0]}), [1, 2, 3])
    print(line.feature_names_in_.tolist(), len(line.predict(frame({"a": [1.0], "b": [0.0]}))))
"""


def test_frames_are_told_from_arrays_as_ever():
    pytest.importorskip("sklearn", minversion="1.9")  # those before import no narwhals
    pytest.importorskip("polars")
    assert in_a_process(FRAMES) == [
        "[1.] False",
        "False",
        "True",
        "True",
        "4",
        "['a', 'b'] 1",
        "['a', 'b'] 1",
    ]


def test_a_stand_in_is_gone_after_the_block_and_what_is_asked_for_then_is_the_module():
    code = """
import numpy, scipy
with imported_later(BY_SKLEARN):
    print(there(BY_SKLEARN) == sorted(BY_SKLEARN), "f2py" in vars(numpy))
    from scipy import spatial
    from scipy.integrate import trapezoid
    import narwhals.stable.v2 as frames
    import numpy.f2py as compiler
print(there(BY_SKLEARN), "f2py" in vars(numpy))
try:
    with imported_later(BY_SKLEARN):
        raise ValueError
except ValueError:
    print(there(BY_SKLEARN))
import scipy.spatial, scipy.spatial.distance
print(scipy.spatial is not spatial, spatial.distance.pdist is scipy.spatial.distance.pdist)
print(spatial.KDTree is scipy.spatial.KDTree)
print(spatial.__name__, compiler.run_main is numpy.f2py.run_main)
print(hasattr(spatial, "nothing"), hasattr(spatial, "__no__"))
print(frames.DataFrame.__module__, "narwhals" in sys.modules, trapezoid([1, 3]), trapezoid.__name__)
"""
    assert in_a_process(code) == [
        "True True",
        "[] False",
        "[]",
        "True True",
        "True",
        "scipy.spatial True",
        "False False",
        "narwhals.stable.v2 True 2.0 trapezoid",
    ]


def test_what_uses_more_of_a_module_within_the_block_gets_all_of_it():
    """A package is imported before what is in it, and each module once."""
    code = """
names = {name: () for name in BY_SKLEARN}
with imported_later(names):
    from scipy.interpolate import CubicSpline
    from scipy.stats.mstats import gmean
    import scipy.spatial.distance as distance
    import narwhals.stable.v1 as older
    from scipy.integrate import *
    print(there(["narwhals", "scipy.stats", "scipy.spatial", "scipy.integrate", "scipy.interpolate"]))
import narwhals, scipy.spatial, scipy.stats
print(CubicSpline([0, 1], [0, 1])(0.5), gmean([1, 4]))
print(distance is scipy.spatial.distance is sys.modules[distance.__name__])
print(distance.__spec__.origin == distance.__file__, gmean is scipy.stats.mstats.gmean, quad(lambda x: x, 0, 2)[0])
print(older is narwhals.stable.v1, narwhals.DataFrame is sys.modules["narwhals.dataframe"].DataFrame)
"""
    assert in_a_process(code) == [
        "['narwhals', 'scipy.integrate', 'scipy.interpolate', 'scipy.spatial', 'scipy.stats']",
        "0.5 2.0",
        "True",
        "True True 2.0",
        "True True",
    ]


def test_what_was_taken_of_a_module_is_pickled_and_told_as_the_thing_itself():
    code = """
import copy, pickle
with imported_later(BY_SKLEARN):
    from scipy.integrate import trapezoid
    from scipy.interpolate import BSpline
    from scipy.stats import chi2
import scipy.integrate, scipy.interpolate, scipy.stats
trapezoids, spline = scipy.integrate.trapezoid, scipy.interpolate.BSpline
print(pickle.loads(pickle.dumps(trapezoid)) is trapezoids, copy.copy(trapezoid) is trapezoids)
print(pickle.loads(pickle.dumps([BSpline])) == [spline], copy.deepcopy(chi2).ppf(0.95, 1) == chi2.ppf(0.95, 1))
line = scipy.interpolate.make_interp_spline([0, 1], [0, 1], k=1)
class Own(BSpline):
    pass
print(isinstance(line, BSpline), isinstance(1, BSpline), issubclass(Own, BSpline), Own.__bases__[0] is spline)
"""
    assert in_a_process(code) == ["True True", "True True", "True False True True"]


def test_nothing_is_put_in_the_way_of_a_process_that_does_more_than_train_and_of_what_is_not_installed():
    code = """
trains_only.clear()
with imported_later(BY_SKLEARN):
    print(there(BY_SKLEARN))
trains_only.append("fractions")
with imported_later({"no_such_module": (), "no_such_module.part": ("name",), "json.no_such_part": ()}):
    print(there(["no_such_module", "no_such_module.part", "json.no_such_part"]))
"""
    assert in_a_process(code) == ["[]", "[]"]


def test_axes_in_three_dimensions_are_drawn_after_matplotlib_came_without_them(tmp_path):
    code = f"""
with imported_later(BY_MATPLOTLIB):
    import matplotlib.figure, matplotlib.backends.backend_agg
print("mpl_toolkits.mplot3d" in sys.modules, "3d" in matplotlib.projections.get_projection_names())
from matplotlib.figure import Figure
matplotlib.use("agg")
axes = Figure().add_subplot()
figure = Figure()
solid = figure.add_subplot(projection="3d")
solid.plot([0, 1], [0, 1], [0, 1])
figure.savefig({str(tmp_path / "solid.png")!r})
import matplotlib.pyplot as plt
from mpl_toolkits.mplot3d import Axes3D
print(type(solid) is Axes3D, isinstance(solid, matplotlib.projections.get_projection_class("3d")), axes.name)
print(isinstance(plt.figure().add_subplot(projection="3d"), Axes3D), type(plt.subplot(projection="3d")) is Axes3D)
class Own(matplotlib.projections.Axes3D):
    name = "own"
matplotlib.projections.register_projection(Own)
print(issubclass(Own, Axes3D), type(Figure().add_subplot(projection="own")) is Own)
"""
    assert in_a_process(code) == ["False True", "True True rectilinear", "True True", "True True"]
    assert (tmp_path / "solid.png").stat().st_size > 1000


@pytest.mark.skipif(find_spec("cuda") is None, reason="torch without NVIDIA's bindings")
def test_nvidias_bindings_are_there_when_torch_or_code_of_ones_own_uses_them():
    code = """
with imported_later(BY_TORCH):
    import torch
from torch.cuda import _utils
print(there(BY_TORCH), _utils._HAS_CUDA_BINDINGS)
success = _utils._cuda_bindings_runtime.cudaError_t.cudaSuccess
print(_utils._check_cuda_bindings((success, 3)) == 3)
from cuda.bindings import driver
print(_utils._cuda_bindings_driver.CUresult is driver.CUresult, there(BY_TORCH))
"""
    assert in_a_process(code) == ["[] True", "True", "True ['cuda.bindings']"]


def test_arrows_functions_are_there_when_one_is_called():
    code = """
with imported_later(BY_FOLDWISE):
    import pyarrow as pa
    import pyarrow.compute as early
print(there(BY_FOLDWISE))
print(early.sum(pa.array([1, 2])).as_py())
import pyarrow.compute as pc
print(pa.compute is pc, early.Expression is pc.Expression, isinstance(pc.field("a") > 1, early.Expression))
"""
    assert in_a_process(code) == ["[]", "3", "True True True"]


@pytest.mark.parametrize(
    ("devices", "late"),
    [
        (["null", "nvme0"], ["cuda.bindings", "pyarrow.compute"]),
        (["nvidia0", "null"], ["pyarrow.compute"]),
        (["dxg"], ["pyarrow.compute"]),
        (None, ["pyarrow.compute"]),
    ],
)
def test_nvidias_bindings_are_imported_where_a_device_is_in_sight(monkeypatch, tmp_path, devices, late):
    folder = tmp_path / "dev"
    monkeypatch.setattr(late_imports, "DEVICES", folder)
    if devices is not None:
        folder.mkdir()
        for name in devices:
            (folder / name).touch()
    assert sorted(late_imports.used_late_in_training()) == late
