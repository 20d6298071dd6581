"""The profile at start."""


def test_a_fold_that_holds_out_nothing_is_measured_on_its_training_rows(train):
    outcome = train("data=iris", "cv.fold=all", "run=a", "max_epochs=1", "tracker=none", "audit=off", "profile=default")
    assert outcome.code == 0
    assert "evaluation batch" in outcome.out
    assert "not measured" not in outcome.out
