"""Solved notebooks run in the `cpu` profile, blank ones in `smoke`; one thread each."""

import os

import pytest

from course_utils import runtime


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """nbval starts a notebook's kernel with this process's environment, right after this hook."""
    if item.path.suffix == ".ipynb":
        solved = item.path.parent.name == "solutions"
        os.environ.update(COURSE_PROFILE="cpu" if solved else "smoke", OMP_NUM_THREADS="1")


@pytest.fixture(autouse=True)
def same_dice() -> None:
    """A test's random numbers do not depend on which tests ran before it on that worker."""
    runtime.seed_all(0)


def pytest_report_header() -> str:
    return (
        "network: off"
        if os.environ.get("COURSE_OFFLINE")
        else "network: as it is (no namespaces on this machine)"
    )
