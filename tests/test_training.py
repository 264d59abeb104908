"""What is seen of an answer's training from outside; see course_utils/asking/training.py."""

import pytest
import torch
from torch import nn

from course_utils.asking.training import parameters_behind, put_in_eval_mode, watched
from course_utils.checks import vae_facts


def train(update, parts=("encoder", "decoder"), steps=20, clip=None):
    """A small autoencoder, some of whose parts are given to the optimizer."""
    model = nn.ModuleDict({"encoder": nn.Linear(6, 2), "decoder": nn.Linear(2, 6)})
    optimizer = torch.optim.Adam([p for part in parts for p in model[part].parameters()], 1e-2)
    with watched() as training:
        for _ in range(steps):
            x = torch.randn(8, 6)
            loss = ((model["decoder"](model["encoder"](x)) - x) ** 2).sum()
            if clip:
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(model.parameters(), clip)
                optimizer.step()
            else:
                update(optimizer, loss)
    return training, model


@pytest.mark.parametrize(
    "update, seen",
    [
        (vae_facts.updated, {"steps": 20, "empty": False, "piled": False}),
        (vae_facts.piled_up, {"steps": 20, "empty": False, "piled": True}),
        (vae_facts.emptied, {"steps": 20, "empty": True, "piled": False}),
    ],
)
def test_the_order_of_zero_grad_backward_and_step_is_seen(update, seen):
    assert train(update)[0].facts() == seen


def test_gradients_that_are_clipped_or_come_in_parts_do_not_pile_up():
    def in_parts(optimizer, loss):
        optimizer.zero_grad()
        (0.5 * loss).backward(retain_graph=True)
        (0.5 * loss).backward()
        optimizer.step()

    assert not train(None, clip=0.1)[0].facts()["piled"]
    assert not train(in_parts)[0].facts()["piled"]


def test_a_network_that_no_optimizer_was_given_is_seen():
    training, model = train(vae_facts.updated, parts=["decoder"])
    x = torch.randn(3, 6)
    assert training.network(model["encoder"](x)) == (True, False)
    assert training.network(model["decoder"](x[:, :2])) == (False, False)


def test_nothing_is_watched_afterwards():
    training, model = train(vae_facts.updated)
    torch.optim.SGD(model.parameters(), 0.1).step()
    assert training.facts()["steps"] == 20
    assert not any(p._backward_hooks for p in model.parameters())


def test_parameters_and_modules_are_found_behind_functions():
    net = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5))
    parts = [net]
    put_in_eval_mode(lambda x: parts[0](x))
    assert not net.training
    found = parameters_behind(net(torch.zeros(1, 2)))
    assert {id(p) for p in found} == {id(p) for p in net.parameters()}
