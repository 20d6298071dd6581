"""What the audit must find in public data sets."""

import re
from pathlib import Path

import numpy as np
import pytest
from sklearn.model_selection import PredefinedSplit, StratifiedGroupKFold, StratifiedKFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.audit.audit_cases import of_kind
from tests.places import EXCERPTS, REAL_DATA
from trainer.audit.clusters import duplicate_groups
from trainer.audit.measure import measure
from trainer.audit.run import audit
from trainer.audit.standalone import audit_file
from trainer.data.columns.options import ColumnOptions
from trainer.data.sources.csv_tabular import load_csv_tabular
from trainer.data.sources.csv_text import load_csv_text

DATA = REAL_DATA


def random_folds(target: np.ndarray, n_splits: int = 5) -> np.ndarray:
    fold_of_row = np.zeros((1, len(target)), dtype=np.int64)
    splitter = StratifiedKFold(n_splits, shuffle=True, random_state=0)
    for fold, (_, held_out) in enumerate(splitter.split(target, target)):
        fold_of_row[0, held_out] = fold
    return fold_of_row


def test_subjects_on_both_sides_are_found_and_measured() -> None:
    """195 recordings of 32 people: the nearest recording is mostly one of the same person."""
    samples, spec = load_csv_tabular(str(EXCERPTS / "parkinsons.csv"), ColumnOptions(group="subject"))
    folds = random_folds(samples.target, 10)
    groups = of_kind(audit(samples, spec, folds), "groups")
    assert (groups.severity, groups.fix) == ("leak", "cv=stratified_group")
    assert "32 of 32 groups are on both sides" in groups.message
    nearest = measure(samples, spec, folds)[1]
    model = make_pipeline(StandardScaler(), KNeighborsClassifier(1))
    features, target = samples.inputs.numeric_NF, samples.target
    given = cross_val_score(model, features, target, cv=PredefinedSplit(folds[0]))
    honest = cross_val_score(model, features, target, cv=StratifiedGroupKFold(10), groups=samples.groups_N)
    assert nearest.given == pytest.approx(given.mean(), abs=0.01)
    assert nearest.honest == pytest.approx(honest.mean(), abs=0.06)  # other groups in each fold
    assert given.mean() - honest.mean() > 0.06


@pytest.mark.real_data
def test_335_official_test_rows_of_chnsenticorp_are_in_train() -> None:
    file = DATA / "zh" / "chnsenticorp_9600_1200_1200.csv"
    found = audit_file(file, ColumnOptions(split="split"), text="text", measure=True)
    copies = of_kind(found, "exact_copies")
    assert copies.severity == "leak"
    assert "fold test: 335 of 1,200" in copies.message
    gap = next(finding.message for finding in found if finding.kind == "gap" and "fold test" in finding.message)
    given, honest = (float(score) for score in re.findall(r"0\.\d{3}", gap)[:2])
    assert given == pytest.approx(0.926, abs=0.003)
    assert honest == pytest.approx(0.905, abs=0.003)
    assert "in rows without a copy in training (863 rows)" in gap


@pytest.mark.real_data
def test_439_texts_of_htl_ba_2000_are_copies(tmp_path: Path) -> None:
    raw = (DATA / "dirty" / "htl_ba_2000_gbk.csv").read_bytes()  # 46 of its records cannot be decoded
    file = tmp_path / "htl.csv"
    file.write_text(raw.decode("gb18030", errors="replace"), encoding="utf-8", newline="")
    copies = of_kind(audit_file(file, ColumnOptions(), text="text"), "exact_copies")
    assert (copies.n_rows, copies.fix) == (439, "cv=stratified_group cv.group=auto_duplicates")
    samples, spec = load_csv_text(str(file), ColumnOptions(), text="text")
    assert of_kind(audit(samples, spec, random_folds(samples.target)), "exact_copies").n_rows > 439
    assert len(np.unique(duplicate_groups(samples, near=False))) == 2000 - 439


@pytest.mark.real_data
def test_subjects_of_parkinsons_are_on_both_sides_of_random_folds() -> None:
    file = str(DATA / "grouped" / "parkinsons.csv")
    samples, spec = load_csv_tabular(file, ColumnOptions(group="subject"))
    found = audit(samples, spec, random_folds(samples.target))
    groups = of_kind(found, "groups")
    assert (groups.severity, groups.fix) == ("leak", "cv=stratified_group")
    assert "32 of 32 groups are on both sides" in groups.message
    nearest = measure(samples, spec, random_folds(samples.target, 10))[1]
    assert nearest.given == pytest.approx(0.944, abs=0.001)
    assert nearest.honest == pytest.approx(0.75, abs=0.03)


@pytest.mark.real_data
def test_subjects_of_parkinsons_show_even_where_nobody_names_them() -> None:
    file = str(DATA / "grouped" / "parkinsons.csv")
    samples, spec = load_csv_tabular(file, ColumnOptions(), drop=["subject"])
    assert of_kind(audit(samples, spec, random_folds(samples.target)), "row_order").severity == "warning"


@pytest.mark.real_data
def test_the_common_vector_of_mammography_stays() -> None:
    file = DATA / "tabular" / "mammography.csv"
    samples, spec = load_csv_tabular(str(file), ColumnOptions())
    found = audit(samples, spec, random_folds(samples.target))
    common = of_kind(found, "frequent_input")
    assert (common.severity, common.n_rows, common.fix) == ("note", 3329, "")
    assert "occurs 3,329 times" in common.message
    assert not any(word in finding.message for finding in found for word in ("delete", "drop", "remove"))
    assert of_kind(found, "exact_copies").n_rows < 20
    assert np.unique(duplicate_groups(samples, near=True), return_counts=True)[1].max() < 20
