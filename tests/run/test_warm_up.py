import subprocess
import sys

from tests.places import REPOSITORY
from trainer.run import warm_up


def test_a_report_after_it_imports_nothing_of_matplotlib_or_jinja(tmp_path):
    code = f"""
import sys
from pathlib import Path
from tests.fake_results import make_result
from trainer.report.markdown import write_report
from trainer.run.warm_up import warm_up
result, oof, folds = make_result()
def loaded():
    return {{name for name in sys.modules if name.partition(".")[0] in ("matplotlib", "jinja2", "mpl_toolkits", "PIL")}}
assert not loaded()
warm_up()
known = loaded()
write_report(Path({str(tmp_path)!r}), result, oof, folds, {{}})
print(sorted(loaded() - known))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=REPOSITORY, timeout=120)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_what_goes_wrong_is_left_to_the_report(monkeypatch):
    def broken():
        raise ImportError("no matplotlib")

    monkeypatch.setattr(warm_up, "load_matplotlib", broken)
    warm_up.warm_up()
