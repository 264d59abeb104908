"""Where a lesson runs and how long: device, threads, seeds, budgets, and what the run reached."""

from __future__ import annotations

import json
import os
import random
import sys
import time
from functools import cache
from importlib import resources
from typing import Any

import numpy as np

from course_utils.platform.frontend import say, show_table

DEVICES = ("cuda", "mps", "xpu", "cpu")
PROFILES = ("smoke", "cpu", "gpu")


def setup(seed: int = 0) -> Any:
    """Choose the device, seed everything, set one thread on a CPU, prepare figures, and say what
    was chosen.

    Returns the `torch.device`: CUDA, then Apple's MPS, then Intel's XPU, then the CPU;
    COURSE_DEVICE overrides. One thread is the default on a CPU because two oversubscribed ones were
    ten times slower on shared machines; COURSE_THREADS overrides. Raises RuntimeError if
    COURSE_DEVICE names a device that is absent.
    """
    import torch

    from course_utils import plots

    device = torch.device(choose_device())
    threads = int(os.environ.get("COURSE_THREADS", "1" if device.type == "cpu" else "4"))
    torch.set_num_threads(threads)
    seed_all(seed)
    plots.use_course_style()
    where = (
        f"{device.type}, {threads} thread{'s' * (threads > 1)}"
        if device.type == "cpu"
        else device.type
    )
    say(f"device: {where} · profile: {profile()} · PyTorch {torch.__version__.split('+')[0]}")
    return device


def available() -> list[str]:
    """The kinds of device present, best first."""
    import torch

    present = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "xpu": hasattr(torch, "xpu") and torch.xpu.is_available(),
        "cpu": True,
    }
    return [name for name in DEVICES if present[name]]


def choose_device() -> str:
    """The best device, or the one COURSE_DEVICE names. Raises RuntimeError if that one is unknown
    or absent.
    """
    wanted, present = os.environ.get("COURSE_DEVICE", "").strip().lower(), available()
    if wanted and wanted.split(":")[0] not in present:
        raise RuntimeError(
            f"COURSE_DEVICE is {wanted!r}, but this computer has {', '.join(present)}. "
            "Set COURSE_DEVICE to one of those, or unset it."
        )
    return wanted or present[0]


def profile() -> str:
    """How much computing a run may do: COURSE_PROFILE, or "gpu" where there is one, or "cpu".

    Raises ValueError for an unknown COURSE_PROFILE.
    """
    wanted = os.environ.get("COURSE_PROFILE", "").strip().lower()
    if wanted and wanted not in PROFILES:
        raise ValueError(f"COURSE_PROFILE is {wanted!r}; it can be {', '.join(PROFILES)}")
    if not wanted:
        return "cpu" if choose_device() == "cpu" else "gpu"
    return wanted


def budget(*, smoke: int, cpu: int, gpu: int | None = None) -> int:
    """The number of steps for the current profile; `gpu` defaults to `cpu`."""
    return {"smoke": smoke, "cpu": cpu, "gpu": cpu if gpu is None else gpu}[profile()]


def rng(seed: int) -> np.random.Generator:
    """A NumPy generator. COURSE_SEED, which only recalibration sets, moves every seed of a run."""
    return np.random.default_rng(seed + _shift())


def seed(number: int) -> int:
    """The seed `number` for a function that takes one; COURSE_SEED moves it like every seed."""
    return number + _shift()


def seed_all(seed: int) -> None:
    """Seed Python's, NumPy's global and PyTorch's generators."""
    import torch

    random.seed(seed + _shift())
    np.random.seed(seed + _shift())
    torch.manual_seed(seed + _shift())


def expected_range(key: str) -> dict[str, Any]:
    """What honest runs reached under a key such as "01.nats.mixture": value, low, high, label,
    seeds, device. Where this device has been measured too, its own.
    """
    if key not in _measured():
        raise KeyError(f"no measured number is called {key!r}")
    entry = _measured()[key]
    return entry | entry["on"].get(choose_device(), {}) if "on" in entry else entry


@cache
def _measured() -> dict[str, dict[str, Any]]:
    return json.loads(
        resources.files("course_utils").joinpath("numbers.json").read_text(encoding="utf-8")
    )


def reached(values: dict[str, float]) -> bool:
    """Show this run's numbers beside the range of honest runs, and what the run cost so far; True
    if all lie inside.

    Says so where the numbers are not comparable: in the smoke profile, and on another device than
    the ranges' own.
    """
    _note(values)
    if _recording():
        return True
    rows = [(expected_range(key), value) for key, value in values.items()]
    fits = [h["low"] <= value <= h["high"] for h, value in rows]
    lines = [
        (h["label"], f"{value:.4g}", _expected(h), "yes" if fit else "no")
        for (h, value), fit in zip(rows, fits, strict=True)
    ]
    show_table(("what", "this run", "expected", "inside?"), lines)
    if profile() == "smoke":
        print("This was a smoke run: too short for its numbers to mean anything.")
    if others := {h["device"] for h, _ in rows} - {choose_device()}:
        print(
            f"The ranges are those of another device, {', '.join(others)}: on this one expect small"
            " differences."
        )
    print(
        "So far: {seconds:.0f} processor seconds, at most {peak_mb:.0f} MB of memory.".format(
            **usage()
        )
    )
    return all(fits)


def _expected(entry: dict[str, Any]) -> str:
    """The one value of a number without chance, or the range over seeds."""
    if entry.get("kind") == "exact":
        return f"{entry['value']:.4g} (exact)"
    return f"{entry['low']:.4g} to {entry['high']:.4g}"


def usage() -> dict[str, float]:
    """CPU seconds and peak memory in MB of this process so far."""
    try:
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (
            2**20 if sys.platform == "darwin" else 2**10
        )
    except ImportError:  # Windows
        import psutil

        peak = psutil.Process().memory_info().peak_wset / 2**20
    return {"seconds": time.process_time(), "peak_mb": peak}


def _shift() -> int:
    return int(os.environ.get("COURSE_SEED", "0"))


def _recording() -> bool:
    return bool(os.environ.get("COURSE_NUMBERS"))


def _note(values: dict[str, float]) -> None:
    """For recalibration: append what this run reached to the file COURSE_NUMBERS names."""
    if _recording():
        with open(os.environ["COURSE_NUMBERS"], "a", encoding="utf-8") as file:
            file.write(json.dumps({key: float(value) for key, value in values.items()}) + "\n")
