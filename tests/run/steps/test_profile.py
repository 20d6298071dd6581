"""The profile at start."""


def test_a_fold_that_holds_out_nothing_is_measured_on_its_training_rows(train):
    outcome = train("data=iris", "cv.fold=all", "run=a", "max_epochs=1", "tracker=none", "audit=off", "profile=default")
    assert outcome.code == 0
    assert "evaluation batch" in outcome.out
    assert "not measured" not in outcome.out
    assert "runtime.compile" not in outcome.out


def test_that_the_model_will_be_compiled_is_said_and_the_profile_is_the_plain_models(train):
    outcome = train("data=iris", "runtime.compile=true", "profile=default", "profile.only=true", "audit=off")
    assert outcome.code == 0
    assert "runtime.compile: folds train and predict with the compiled model" in outcome.out
    assert "not measured" not in outcome.out
