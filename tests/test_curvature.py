"""The largest curvature of a loss is what linear algebra says, also inside `no_grad`."""

import numpy as np
import torch

from course_utils.lesson03.curvature import Curvature


def test_the_largest_curvature_of_a_linear_model_is_the_largest_eigenvalue_of_its_hessian():
    X = torch.tensor(np.random.default_rng(0).normal(size=(20, 3)), dtype=torch.float32)
    model = torch.nn.Linear(3, 1, bias=False)
    measure = Curvature(lambda model, batch: (model(batch[0]) - batch[1]).square().mean(), (X, 1.0))
    due = float(torch.linalg.eigvalsh(2 / 20 * X.T @ X).max())
    before = torch.random.get_rng_state()
    with torch.no_grad():
        first, second = measure(model), measure(model)
    assert abs(first - due) < 1e-2 * due and abs(second - due) < 1e-3 * due
    assert torch.equal(before, torch.random.get_rng_state()) and model.weight.grad is None
