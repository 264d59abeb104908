"""Lessons on an Apple GPU, pretended: nothing in them needs what such a device refuses."""

import IPython.display
import matplotlib.pyplot
import numpy as np
import pytest
import torch

import course_utils
from course_utils import check, live
from tests import mps
from tests.lessons import SOURCES

DAILY = ("01", "02")  # the smallest


@pytest.fixture
def device(monkeypatch):
    """The pretended device, for this test alone."""
    for thing, name in (
        (torch.backends.mps, "is_available"),
        (torch.nn.Module, "to"),
        (torch.nn.Module, "cpu"),
        (torch.nn.Parameter, "__new__"),
    ):
        monkeypatch.setattr(thing, name, getattr(thing, name))  # back to it in the end
    return mps.pretend()


@pytest.mark.parametrize(
    "source",
    [pytest.param(s, marks=[] if s.stem[:2] in DAILY else pytest.mark.slow) for s in SOURCES],
    ids=lambda source: source.stem,
)
def test_a_solved_lesson_runs_on_an_apple_gpu(source, device, monkeypatch):
    """Without its checks, which compute on the CPU everywhere."""
    for name, value in {"PROFILE": "smoke", "THREADS": "1", "DEVICE": "mps"}.items():
        monkeypatch.setenv(f"COURSE_{name}", value)
    monkeypatch.setattr(course_utils, "check", lambda exercise, answer: answer)
    monkeypatch.setattr(IPython.display, "display", lambda *things, **options: None)
    with matplotlib.rc_context({"backend": "agg", "figure.max_open_warning": 0}):
        mps.run(source, device)
        matplotlib.pyplot.close("all")


REFUSED = {
    "float64": (lambda x: x.double(), TypeError),
    "NumPy's float64": (lambda x: torch.tensor(np.ones(3)).to(x.device), TypeError),
    "as_tensor": (lambda x: torch.as_tensor(np.ones(3), device=x.device), TypeError),
    "numpy": (lambda x: x.numpy(), TypeError),
    "asarray": (lambda x: np.asarray(x), TypeError),
    "two devices": (lambda x: x + torch.ones(3), RuntimeError),
    "a generator": (
        lambda x: torch.rand(2, device="mps", generator=torch.Generator()),
        RuntimeError,
    ),
    "an operator": (lambda x: torch.linalg.eigvals(torch.outer(x, x)), NotImplementedError),
}


@pytest.mark.parametrize("what", REFUSED)
def test_the_pretended_device_refuses_what_a_real_one_refuses(device, what):
    action, error = REFUSED[what]
    with device, pytest.raises(error):
        action(torch.ones(3, device="mps"))


def test_the_pretended_device_runs_what_a_real_one_runs(device):
    with device:
        net = torch.nn.Linear(3, 2).to("mps")
        optimizer = torch.optim.Adam(net.parameters())
        x = torch.as_tensor(np.ones((4, 3)), dtype=torch.float32).to(net.weight.device)
        net(x).square().mean().backward()
        optimizer.step()
        assert net.weight.grad.device == x[0].device == mps.MPS and x.cpu().device == mps.CPU
        assert (x.cpu().double().numpy() == 1).all() and (2.0 * x * torch.tensor(2.0)).sum() == 48


def test_a_network_on_the_device_goes_into_a_page(device):
    with device:
        net = torch.nn.Linear(3, 2).to("mps")
        _, forward = live.weights([net], torch.ones(4, 3, device="mps"), 1)
        due = net(torch.ones(1, 3, device="mps")).detach().cpu()
    assert np.allclose(forward(np.ones((1, 3))), due, atol=1e-3)


ANSWERS = {
    "4.1": lambda mu, logvar, eps: mu.double() + (logvar.double() / 2).exp() * eps.double(),
    "6.2": lambda fake: torch.nn.functional.softplus(-fake.to(torch.float64)).mean(),
}


@pytest.mark.parametrize("exercise", ANSWERS)
def test_an_answer_that_passed_in_float64_goes_on_in_float32(device, exercise):
    answer = check(exercise, ANSWERS[exercise])
    count = answer.yours.__code__.co_argcount
    assert answer(*torch.zeros(count, 5, 2)).dtype == torch.float64
    with device:
        x = torch.zeros(count, 5, 2, device="mps", requires_grad=True)
        result = answer(*x)
        assert (result.device, result.dtype) == (mps.MPS, torch.float32)
        result.sum().backward()


def test_where_there_is_no_apple_gpu_the_answer_comes_back_itself():
    answer = ANSWERS["6.2"]
    assert check("6.2", answer) is answer
