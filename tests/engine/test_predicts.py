import weakref

import torch

from trainer.engine.predicts import joined


def test_outputs_are_put_together_as_they_come_and_let_go_of():
    given, alive = torch.arange(14.0).reshape(7, 2), []

    def outputs():
        for part in given.split(3):
            made = part.clone()
            alive.append(weakref.ref(made))
            yield made
            del made
            assert sum(one() is not None for one in alive) <= 1

    assert torch.equal(joined(outputs(), 7), given)
    assert len(alive) == 3
