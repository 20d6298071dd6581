import base64
import re
from dataclasses import replace

from sklearn.metrics import precision_recall_fscore_support

from trainer.report.markdown import write_report
from trainer.report.markdown_text import cell, mapping_section
from trainer.tasks import MULTICLASS, MULTILABEL


def test_report_says_what_was_found(fake_result, tmp_path):
    result, oof, folds = fake_result(monitored=True)
    about = {"command": "python train.py loss=focal amp=O1", "device": "cpu"}
    path = write_report(tmp_path, result, oof, folds, about, ["class 'a' is rare"])
    text = path.read_text(encoding="utf-8")
    assert path == tmp_path / "report.md"
    accuracy = result.metrics["accuracy"]
    assert f"**accuracy {accuracy.mean:.4f} ± {accuracy.sd:.4f}** over 3 folds" in text
    assert f"out of fold **{accuracy.oof:.4f}**" in text
    assert f"{accuracy.ci95[0]:.4f} – {accuracy.ci95[1]:.4f}" in text
    for expected in (
        "> **Note:** class 'a' is rare",
        "## Optimism",
        f"| accuracy ↑ | {result.optimism['accuracy']:+.4f} |",
        "| opt level | O1 |",
        "| autocast | yes |",
        "| 2 | 2 | 65536 |",
        "| params | 25,557,032 |",
        "| peak memory | 3.0 MiB |",
        "```\npython train.py loss=focal amp=O1\n```",
        "| device | cpu |",
    ):
        assert expected in text, expected


def test_class_table_is_scikit_learns(fake_result, tmp_path):
    for task in (MULTICLASS, MULTILABEL):
        result, oof, folds = fake_result(task)
        predicted = oof.proba > 0.5 if task == MULTILABEL else oof.proba.argmax(axis=1)
        p, r, f, n = precision_recall_fscore_support(oof.target, predicted, average=None)
        text = write_report(tmp_path, result, oof, folds, {}).read_text(encoding="utf-8")
        assert f"| 1 | b | {n[1]} | {p[1]:.4f} | {r[1]:.4f} | {f[1]:.4f} |" in text


def test_pictures_of_the_report_exist_and_stand_for_the_charts_of_the_page(fake_result, tmp_path):
    result, oof, folds = fake_result()
    text = write_report(tmp_path, result, oof, folds, {}).read_text(encoding="utf-8")
    pictures = re.findall(r"!\[.*\]\((.*)\)", text)
    assert len(pictures) == 3
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    embedded = {base64.b64decode(data) for data in re.findall(r'src="data:image/png;base64,([^"]+)"', page)}
    kept = [(tmp_path / path).read_bytes() for path in pictures if "confusion_matrix" not in path]  # that is a table
    assert embedded == set(kept)
    assert page.count("src=") == 2
    assert "http:" not in page
    assert "https:" not in page


def test_no_optimism_section_without_it(fake_result, tmp_path):
    result, oof, folds = fake_result()
    text = write_report(tmp_path, replace(result, profile={}), oof, folds, {}).read_text(encoding="utf-8")
    assert "Optimism" not in text
    assert "## Profile" not in text
    assert "How to reproduce" not in text


def test_cell_keeps_words_readable():
    assert cell("cast_model_type") == "cast_model_type"
    assert cell("_x_") == "\\_x\\_"


def test_mapping_section_shows_units_and_nested_tables():
    text = mapping_section(
        "Profile",
        {
            "step_seconds": 0.0123,
            "total_seconds": 75.0,
            "small_bytes": 12,
            "large_bytes": 3 * 2**30,
            "large": 123456.7,
            "sizes": [256, 128],
            "share": 0.25,
            "fits": True,
            "unknown": None,
            "bill": {"steps": 4500, "gone": None},
            "modules": [{"name": "a", "params": 1}, {"name": "b", "flops": 2}],
            "by_fold": {"0": {"skipped": 1}, "1": {"skipped": 2}},
        },
    )
    for line in (
        "| step time | 12.3 ms |",
        "| total time | 1 min 15 s |",
        "| small memory | 12 B |",
        "| large memory | 3.00 GiB |",
        "| large | 123,457 |",
        "| sizes | 256, 128 |",
        "| share | 0.25 |",
        "| fits | yes |",
        "| steps | 4,500 |",
        "| name | params | flops |",
        "| b |  | 2 |",
        "|  | skipped |",
        "| 1 | 2 |",
    ):
        assert line in text.splitlines(), line
    assert "unknown" not in text
    assert "gone" not in text
    assert mapping_section("Empty", {}) == ""
