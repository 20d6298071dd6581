import subprocess
import sys

import pytest
import torch

from tests import transformer_files
from tests.battery import some_of
from tests.picture_files import write_pictures
from tests.places import REPOSITORY


def in_a_process(code):
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=REPOSITORY, timeout=120)
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines()


FIRST_USE = {  # whole runs that compile: tests/engine/precision/test_compiled.py
    "import": "import torch._dynamo.config",
    "compile": 'assert torch.compile(lambda x: x + 1, backend="eager")(torch.ones(1)).item() == 2.0',
}


@pytest.mark.parametrize("first", some_of(FIRST_USE, ["import"]))
def test_a_whole_run_needs_no_compiler_and_what_follows_is_the_same_with_it(tmp_path, first):
    """A step of an optimizer, a dispatch mode, a decorator; then the same once the compiler is used.

    All in one process: to import everything takes seconds.
    """
    code = f"""
import inspect, sys
import train as script
from trainer.config.compose import composed
sys.argv = ["train.py", "data=iris", "max_epochs=1", "cv.n_splits=2", "paths.runs={tmp_path}", "runtime.progress=off"]
assert "torch" not in sys.modules
composed(script.main, script.check)
import trainer.models.transformer
print("torch" in sys.modules, "torch._dynamo.config" in sys.modules, "transformers" in sys.modules)
import torch
from trainer.system.fast_import import import_compiler_when_needed
from torch.utils.flop_counter import FlopCounterMode
def weights():
    torch.manual_seed(0)
    model = torch.nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.5**step)
    for _ in range(3):
        optimizer.zero_grad()
        with FlopCounterMode(display=False) as counted:
            model(torch.ones(4, 3)).square().sum().backward()
        optimizer.step()
        schedule.step()
    return model.weight.detach(), counted.get_total_flops()
def taken(function):
    return [(p.name, p.default, p.kind) for p in inspect.signature(function).parameters.values()]
import_compiler_when_needed()
import_compiler_when_needed()
without, flops = weights()
print("torch._dynamo.config" in sys.modules, flops)
assert not hasattr(torch._dynamo, "__nothing__")
inspect.getmodule(sys._getframe())
stand_in = {{name: getattr(torch._dynamo, name) for name in ("disable", "graph_break")}}
@torch.compiler.disable(recursive=False, reason="a reason")
def double(x):
    return 2 * x
print(double(2), double.__module__, "torch._dynamo.config" in sys.modules)
{FIRST_USE[first]}
print(torch._dynamo.config.recompile_limit > 0, hasattr(torch._dynamo, "nothing"), torch._dynamo.disable.__module__)
print([taken(function) == taken(getattr(torch._dynamo, name)) for name, function in stand_in.items()])
print("torch._dynamo.config" in sys.modules, torch.equal(weights()[0], without), torch._dynamo.is_compiling())
"""
    assert in_a_process(code)[-6:] == [
        "True False False",
        "False 96",
        "4 __main__ False",
        "True False torch._dynamo.decorators",
        "[True, True]",
        "True True False",
    ]


def test_what_is_imported_first_is_never_looked_through_for_garbage_and_later_imports_change_nothing():
    code = """
import gc
from trainer.system.fast_import import first_import
with first_import("fractions"):
    import fractions
    print(gc.isenabled())
frozen = gc.get_freeze_count()
with first_import("fractions"):
    print(gc.isenabled())
print(gc.isenabled(), frozen > 1000, gc.get_freeze_count() <= frozen)
"""
    assert in_a_process(code) == ["False", "True", "True True True"]


def test_a_process_of_somebody_elses_imports_unsearched_and_is_left_as_it_was():
    code = """
import gc, weakref
from trainer.system.fast_import import unsearched_import
class Node:
    pass
def cycle():
    node = Node()
    node.itself = node
    return node
thresholds = gc.get_threshold()
young, held = weakref.ref(cycle()), cycle()
with unsearched_import("fractions"):
    import fractions
    print(gc.isenabled(), young() is None)
print(gc.isenabled(), gc.get_threshold() == thresholds, gc.get_freeze_count())
held = weakref.ref(held)
print(held() is not None, gc.collect() > 0, held() is None)
gc.freeze()
frozen = gc.get_freeze_count()
with unsearched_import("decimal"):
    import decimal
print(frozen // 2 < gc.get_freeze_count() <= frozen)
gc.disable()
with unsearched_import("statistics"):
    pass
print(gc.isenabled())
"""
    assert in_a_process(code) == ["False True", "True True 0", "True True True", "True", "False"]


def test_a_run_of_a_program_imports_no_compiler_either_and_freezes_nothing_of_the_program(tmp_path):
    code = f"""
import gc, sys
import trainer as fw
quick = {{"cv": {{"n_splits": 2}}, "profile": "off", "audit": "off", "runtime": {{"progress": "off"}}}}
fw.cross_validate("iris", max_epochs=1, paths={{"runs": "{tmp_path}"}}, **quick)
print("torch" in sys.modules, "torch._dynamo.config" in sys.modules, gc.get_freeze_count(), gc.isenabled())
"""
    assert in_a_process(code) == ["True False 0 True"]


def reviews_and_bert(folder):
    model = transformer_files.save_model(folder / "bert")
    table = transformer_files.write_reviews(folder / "reviews.csv")
    return ["data=csv_text", f"data.path={table}", "model=transformer", f"model.pretrained={model}"]


def pictures(folder):
    path = write_pictures(folder / "pictures", n_per_class=6)
    return ["data=image_folder", f"data.path={path}", "data.preprocess.size=32"]


@pytest.mark.battery
@pytest.mark.parametrize(
    ("data", "options"),
    [
        (reviews_and_bert, ["run=a", "loss=focal", "amp=O1"]),
        (
            pictures,
            ["-m", "model=torchvision,timm", "model.name=resnet18", "optimizer.lr=1e-3", "profile=off", "cv.fold=0"],
        ),
    ],
    ids=["transformers", "torchvision and timm"],
)
def test_models_of_other_libraries_train_in_a_process_that_has_imported_nothing(tmp_path, data, options):
    """The tests' own process has the compiler from the first test that compiles on."""
    short = ["cv.n_splits=2", "max_epochs=1", "batch_size=4", "baseline=off", "tracker=none"]  # those are seen above
    options = [*data(tmp_path), *short, f"paths.runs={tmp_path}", *options]
    result = subprocess.run(
        [sys.executable, "train.py", *options, "runtime.progress=plain"],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        timeout=200,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert list(tmp_path.rglob("DONE"))


def test_scikit_learn_comes_without_statistics_and_pandas_and_both_are_there_when_asked_for():
    code = """
import sys
from trainer.system import fast_import
fast_import.import_sklearn_without_unused()
print("sklearn" in sys.modules)
with fast_import.first_import("fractions"):
    import fractions
fast_import.import_sklearn_without_unused()
import numpy as np
import sklearn.metrics, sklearn.model_selection, sklearn.linear_model, sklearn.ensemble, sklearn.covariance
import sklearn.preprocessing
from scipy.stats import rankdata, chi2
unused = ("scipy.interpolate._bsplines", "numpy.f2py.f2py2e")
print(*[name in sys.modules for name in unused])
def loaded():
    return [name in sys.modules for name in ("pandas", "scipy.stats._stats_py")]
print(*loaded(), "sklearn.utils.validation" in sys.modules)
ranks = sklearn.metrics.label_ranking_average_precision_score([[1, 0], [0, 1]], [[0.2, 0.1], [0.3, 0.1]])
print(ranks, rankdata([3, 1, 2]).tolist(), chi2.ppf(0.95, 1) == __import__("scipy").stats.chi2.ppf(0.95, 1), *loaded())
import scipy.stats as whole
print(whole is sys.modules["scipy.stats"], hasattr(whole, "nothing"), whole.norm.cdf(0.0), rankdata([2, 1]).tolist())
import pandas
line = sklearn.linear_model.LinearRegression().fit(pandas.DataFrame({"a": [1.0, 2.0]}), [1, 2])
print(line.feature_names_in_.tolist())
grid = np.linspace(0, 1, 7)[:, None]
splines = sklearn.preprocessing.SplineTransformer(n_knots=3).fit_transform(grid)
from scipy.interpolate import BSpline
print(splines.sum(axis=1).round(12).tolist() == [1.0] * 7, BSpline.__name__, np.f2py.get_include().endswith("src"))
print(*[name in sys.modules for name in unused])
"""
    assert in_a_process(code) == [
        "False",
        "False False",
        "False False True",
        "0.75 [3.0, 1.0, 2.0] True False True",
        "True False 0.5 [2.0, 1.0]",
        "['a']",
        "True BSpline True",
        "True True",
    ]


def test_torch_comes_without_operations_in_python_and_they_are_there_when_asked_for():
    """Each way to ask for them in a process of its own: nothing was imported by the one before."""
    start = """
import sys
from trainer.system import fast_import
fast_import.import_torch_without_unused()
assert "torch" not in sys.modules
with fast_import.first_import("fractions"):
    import fractions
fast_import.import_torch_without_unused()
import torch
def loaded():
    return ["torch._decomp.decompositions" in sys.modules, "torch._prims.debug_prims" in sys.modules]
torch.overrides.get_overridable_functions()
print(*loaded())
"""
    ways = {
        "named": "from torch.export import Dim; print(Dim('n').__name__)",
        "attribute": "print(len(torch._decomp.decomposition_table) > 500)",
        "inner module": """
import torch.export.dynamic_shapes
shapes = sys.modules["torch.export.dynamic_shapes"]
print(torch.export.Dim is shapes.Dim and shapes.__spec__.origin == shapes.__file__)""",
        "registers": "import torch._decomp.decompositions; print(len(torch._decomp.decomposition_table) > 500)",
        "circle": "import torch._refs.fft; print(torch._refs.fft is sys.modules['torch._refs.fft'])",
        "fake tensors": """
from torch._subclasses.fake_tensor import FakeTensorMode
with FakeTensorMode():
    print(tuple(torch.nn.functional.conv2d(torch.ones(2, 3, 8, 8), torch.ones(4, 3, 3, 3)).shape))""",
        "exported": """
print(torch.export.export(torch.nn.Linear(3, 2), (torch.ones(4, 3),)).module()(torch.zeros(4, 3)).shape[1])""",
        "meta": """
fast_import.import_meta_kernels()
fast_import.import_meta_kernels()
print(tuple(torch.nn.Conv2d(3, 4, 3, device="meta")(torch.ones(2, 3, 8, 8, device="meta")).shape))""",
    }
    answers = {"named": "n", "fake tensors": "(2, 4, 6, 6)", "exported": "2", "meta": "(2, 4, 6, 6)"}
    for way, code in ways.items():
        found = in_a_process(f"{start}{code}\nprint(*loaded(), torch.export is sys.modules['torch.export'])")
        assert found == ["False False", answers.get(way, "True"), "True True True"], way


def test_arrow_comes_without_pandas_and_gets_it_when_asked_for():
    code = """
import sys
from trainer.system import fast_import
with fast_import.first_import("fractions"):
    import fractions
fast_import.import_arrow_without_pandas()
import pyarrow as pa
table = pa.table({"a": [1.5, None], "b": ["x", "y"]})
print("pandas" in sys.modules)
frame = table.to_pandas()
print(frame.a.isna().tolist(), pa.Table.from_pandas(frame)["a"].equals(table["a"]), pa.array(frame.a).null_count)
"""
    assert in_a_process(code) == ["False", "[False, True] True 1"]


def test_a_process_of_somebody_elses_lets_libraries_look_for_pandas():
    code = """
import sys
from trainer.system import fast_import
with fast_import.unsearched_import("fractions"):
    import fractions
fast_import.import_torch_without_unused()
fast_import.import_arrow_without_pandas()
print("torch" in sys.modules, "pandas" in sys.modules)
"""
    assert in_a_process(code) == ["False True"]


def test_operations_are_counted_without_triton_and_without_a_warning():
    code = """
import sys, torch
from trainer.system import fast_import
with fast_import.first_import("fractions"):
    import fractions
fast_import.import_compiler_when_needed()
fast_import.import_flop_counter_without_triton()
from torch.utils.flop_counter import FlopCounterMode
with FlopCounterMode(display=False) as counted:
    torch.ones(4, 3) @ torch.ones(3, 2)
print(counted.get_total_flops(), "triton" in sys.modules)
"""
    if torch.cuda.is_available():
        pytest.skip("on CUDA kernels of Triton are told")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=REPOSITORY, timeout=120)
    assert (done.stdout, done.stderr) == ("48 False\n", "")


@pytest.mark.parametrize("trains", [True, False], ids=["nothing but training", "no distutils anywhere"])
def test_thop_comes_without_distutils(trains):
    code = f"""
import sys, torch
from trainer.system import fast_import
if {trains}:
    with fast_import.first_import("fractions"):
        import fractions
else:
    fast_import.find_spec = lambda name: None  # as on Python 3.12 without setuptools
from trainer.profiler.counts import count_thop
macs, params, _ = count_thop(torch.nn.Linear(3, 2), {{"input": torch.ones(4, 3)}})
print(macs, params, *[name in sys.modules for name in ("distutils", "setuptools", "thop")])
import distutils.version
print(distutils.version.LooseVersion("1.10") > distutils.version.LooseVersion("1.9"))
"""
    assert in_a_process(code) == ["24 8 False False True", "True"]


def test_what_a_search_has_left_is_read_without_torch():
    code = "import sys, trainer.api.search; print(sorted({'torch', 'optuna', 'rich'} & set(sys.modules)))"
    assert in_a_process(code) == ["[]"]
