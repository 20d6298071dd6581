"""What drawing rows by their class does to the probabilities, said at the start and in the report."""

from trainer.config.sampler import SamplerConfig
from trainer.data.loading.samplers import class_shares
from trainer.run.experiment import Experiment
from trainer.wording.lists import first_few


def drawing_notes(sampler: SamplerConfig, experiment: Experiment) -> list[str]:
    """Return one line where rows are drawn: the share of each class as it is and as it is drawn, and what follows.

    Args:
        sampler: as configured.
        experiment: whose rows they are.
    """
    power = sampler.power_in_force
    if power is None:
        return []
    spec = experiment.spec
    counts_C = spec.task.class_counts(experiment.samples.target, len(spec.classes))
    drawn_C, there_C = class_shares(counts_C, power), counts_C / counts_C.sum()
    pairs = [f"{name} {was:.1%} -> {now:.1%}" for name, was, now in zip(spec.classes, there_C, drawn_C, strict=True)]
    effect = (
        "probabilities are put back by the shares of each fold (sampler.correct_prior)"
        if sampler.correct_prior
        else "probabilities are those of rows in these shares, too high for rare classes: log loss, Brier score and "
        "calibration suffer; sampler.correct_prior=true takes it back"
    )
    return [f"sampler={sampler.name} draws {first_few(pairs)}: {effect}"]
