"""What report.html knows of a run: its language, its rows and slices, the audit, versions and configuration."""

import json
import re

import numpy as np
from PIL import Image

from tests.conftest import QUICK
from trainer.cli.main import main as foldwise
from trainer.data.images.image_files import hash_images
from trainer.data.samples import Samples
from trainer.report.page.contents import contents_of


def test_the_page_of_a_run_and_the_page_written_again(train, tmp_path, capsys):
    lines = [
        "a,colour,text,y",
        *(f"{i % 7},{'red' if i % 2 else 'blue'},<i>{i}</i>,{'no' if i % 3 else 'yes'}" for i in range(60)),
    ]
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    columns = ["data=csv_tabular", "data.path=t.csv", "data.label=y", "data.drop=[text]"]
    assert train(*columns, "run=a1", "report.language=zh", *QUICK).code == 0
    run = tmp_path / "runs" / "a1"
    page = (run / "report.html").read_text()
    assert "<title>a1 · 交叉验证报告</title>" in page
    assert "colour=red" in page
    assert "colour = blue" in re.search(r'<section id="slices".*?</section>', page, re.DOTALL)[0]
    assert "language: zh" in page
    assert json.loads((run / "manifest.json").read_text())["versions"]["torch"] in page
    assert "stratified" in page
    assert foldwise(["report", str(run), "--language", "en"]) == 0
    again = (run / "report.html").read_text()
    assert "<title>a1 · Cross validation report</title>" in again
    slices = re.search(r'<section id="slices".*?</section>', again, re.DOTALL)[0]
    assert "colour = blue" in slices
    assert "colour=red" in again
    (tmp_path / "t.csv").unlink()
    assert foldwise(["report", str(run)]) == 0
    gone = (run / "report.html").read_text()
    assert "what the rows hold is not shown" in gone
    assert "colour=red" not in gone
    assert foldwise(["report", str(run), "--language", "de"]) == 2
    assert "--language de: give one of auto, en, zh" in capsys.readouterr().err


def test_images_are_shown_small_and_one_that_is_gone_is_not(tmp_path):
    for name, size in (("a.png", (8, 8)), ("b.png", (900, 300))):
        Image.fromarray(np.zeros((*size, 3), dtype=np.uint8)).save(tmp_path / name)
    samples = Samples(np.array(["a", "b"]), hash_images(str(tmp_path), ["a.png", "b.png"]), np.array([0, 1]))
    (tmp_path / "a.png").unlink()
    wide, gone = contents_of(samples)(["b", "a"])
    assert (wide.text, gone.text, gone.picture) == ("b.png", "a.png", "")
    assert wide.picture.startswith("data:image/")
    assert len(wide.picture) < 3000
