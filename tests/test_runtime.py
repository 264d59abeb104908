"""runtime, progress and record: devices, profiles, seeds, tables, and what a learner has done."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest
import torch

from course_utils import progress, runtime
from course_utils.checks import record


@pytest.fixture
def present(monkeypatch):
    """Pretend that exactly these devices are there."""

    def pretend(*kinds):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: "cuda" in kinds)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: "mps" in kinds)
        monkeypatch.setattr(torch.xpu, "is_available", lambda: "xpu" in kinds)

    monkeypatch.delenv("COURSE_DEVICE", raising=False)
    monkeypatch.delenv("COURSE_PROFILE", raising=False)
    return pretend


@pytest.mark.parametrize(
    "kinds, chosen",
    [(("cuda", "mps", "xpu"), "cuda"), (("mps", "xpu"), "mps"), (("xpu",), "xpu"), ((), "cpu")],
)
def test_the_best_device_present_is_chosen(present, capsys, kinds, chosen):
    present(*kinds)
    assert runtime.setup(seed=0) == torch.device(chosen)
    assert f"device: {chosen}" in capsys.readouterr().out
    assert runtime.profile() == ("cpu" if chosen == "cpu" else "gpu")


@pytest.mark.parametrize(
    "wanted, kinds", [("cuda", ("mps",)), ("mps", ()), ("xpu", ("cuda",)), ("tpu", ())]
)
def test_an_absent_device_is_named_with_those_present(present, monkeypatch, wanted, kinds):
    present(*kinds)
    monkeypatch.setenv("COURSE_DEVICE", wanted)
    with pytest.raises(
        RuntimeError, match=f"COURSE_DEVICE is '{wanted}', but this computer has .*cpu"
    ):
        runtime.setup()


def test_a_present_device_can_be_asked_for(present, monkeypatch):
    present("cuda")
    monkeypatch.setenv("COURSE_DEVICE", "cpu")
    assert runtime.setup() == torch.device("cpu")
    monkeypatch.setenv("COURSE_DEVICE", "cuda:0")
    assert runtime.setup() == torch.device("cuda:0")


def test_one_thread_is_the_default_on_a_cpu(present, monkeypatch):
    present()
    monkeypatch.delenv("COURSE_THREADS", raising=False)
    runtime.setup()
    assert torch.get_num_threads() == 1


def test_setup_twice_gives_the_same_draws(present):
    present()
    draws = []
    for _ in range(2):
        runtime.setup(seed=3)
        draws.append((torch.rand(2).tolist(), np.random.rand(), runtime.rng(1).random()))
    assert draws[0] == draws[1]


def test_recalibration_moves_every_seed(present, monkeypatch):
    present()
    before = runtime.rng(1).random()
    monkeypatch.setenv("COURSE_SEED", "1000")
    assert (
        runtime.rng(1).random() != before
        and runtime.rng(1).random() == np.random.default_rng(1001).random()
    )


@pytest.mark.parametrize("profile, steps", [("smoke", 1), ("cpu", 2), ("gpu", 3)])
def test_a_budget_follows_the_profile(present, monkeypatch, profile, steps):
    present()
    monkeypatch.setenv("COURSE_PROFILE", profile)
    assert runtime.budget(smoke=1, cpu=2, gpu=3) == steps
    assert runtime.budget(smoke=1, cpu=2) == min(steps, 2)


def test_an_unknown_profile_is_named(present, monkeypatch):
    present()
    monkeypatch.setenv("COURSE_PROFILE", "fast")
    with pytest.raises(ValueError, match="'fast'; it can be smoke, cpu, gpu"):
        runtime.budget(smoke=1, cpu=2)


def test_reached_compares_with_honest_runs(present, monkeypatch, capsys):
    present()
    key = "01.nats.uniform"
    assert (
        runtime.reached({key: runtime.expected_range(key)["value"]})
        and "yes" in capsys.readouterr().out
    )
    assert not runtime.reached({key: 0.0}) and "no" in capsys.readouterr().out
    with pytest.raises(KeyError, match="no measured number"):
        runtime.reached({"01.unknown": 1})


def test_a_number_without_chance_is_called_exact_and_has_no_range(present, monkeypatch, capsys):
    present()
    entry = {"label": "x", "value": 2.0, "low": 1.99, "high": 2.01, "device": "cpu"}
    for kind, said in ({"kind": "exact"}, "2 (exact)"), ({}, "1.99 to 2.01"):
        monkeypatch.setattr(runtime, "_measured", lambda kind=kind: {"x": entry | kind})
        assert runtime.reached({"x": 2.001}) and said in capsys.readouterr().out


def test_a_smoke_run_says_that_its_numbers_mean_nothing(present, monkeypatch, capsys):
    present()
    monkeypatch.setenv("COURSE_PROFILE", "smoke")
    runtime.reached({"01.nats.uniform": 1.0})
    assert "smoke run" in capsys.readouterr().out


def test_a_run_on_another_device_than_the_ranges_is_told(present, capsys):
    present()
    runtime.reached({"01.nats.uniform": 1.0})
    assert "another device" not in capsys.readouterr().out
    present("cuda")
    runtime.reached({"01.nats.uniform": 1.0})
    out = capsys.readouterr().out
    assert "those of another device, cpu" in out and "MB of memory" in out


def test_recalibration_collects_what_was_reached(present, monkeypatch, tmp_path):
    present()
    monkeypatch.setenv("COURSE_NUMBERS", str(tmp_path / "n.jsonl"))
    assert runtime.reached({"01.brand.new": np.float64(2)})
    assert json.loads((tmp_path / "n.jsonl").read_text()) == {"01.brand.new": 2.0}


def test_usage_is_positive():
    used = runtime.usage()
    assert used["seconds"] > 0 and 10 < used["peak_mb"] < 10_000


def test_helpers_of_the_first_cell_import_neither_torch_nor_matplotlib():
    code = (
        "import sys, course_utils\nfrom course_utils import runtime, plots, progress, widgets\nfrom"
        " course_utils.checks import record\nassert 'torch' not in sys.modules and 'matplotlib' not"
        " in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_bar_passes_everything_on_and_is_quiet_under_test(capsys):
    assert list(progress.bar(range(3), "steps")) == [0, 1, 2]
    assert progress.bar([7], "a single item, without a bar") == [7]
    assert capsys.readouterr().err == ""


def test_a_record_remembers_the_latest_verdict(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "progress.json"))
    assert progress.load() == {}
    progress.note("1.1", "fail")
    progress.note("1.2", "pass")
    progress.note("1.1", "pass")
    assert progress.load() == {"1.1": "pass", "1.2": "pass"} and not list(tmp_path.glob("*.tmp"))
    record.show()
    said = capsys.readouterr().out
    assert re.search(r"^01 +##-- +2 of 4 +1\.3, 1\.4$", said, flags=re.M) and re.search(
        r"^02 +----- +0 of 5 ", said, flags=re.M
    )
    assert f"saved in {tmp_path / 'progress.json'} and nowhere else" in said


def test_deleting_the_record_harms_nothing_and_without_one_it_says_so(
    monkeypatch, tmp_path, capsys
):
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "progress.json"))
    progress.note("1.1", "pass")
    (tmp_path / "progress.json").unlink()
    assert {len(passed) for _, passed, _ in record.lessons()} == {0}
    monkeypatch.delenv("COURSE_PROGRESS")
    record.show()
    assert "Your progress is not saved" in capsys.readouterr().out


@pytest.mark.parametrize("content", [b"{ half", b"[1]", b"", b"\xff\xfe\xff", b"[" * 100_000])
def test_a_damaged_record_is_kept_and_another_begun(monkeypatch, tmp_path, capsys, content):
    path = tmp_path / "progress.json"
    monkeypatch.setenv("COURSE_PROGRESS", str(path))
    path.write_bytes(content)
    (tmp_path / "progress.json.unreadable-1").write_text("an earlier one")
    assert progress.load() == {}
    progress.note("1.1", "pass")
    progress.note("1.2", "pass")
    assert progress.load() == {"1.1": "pass", "1.2": "pass"}
    kept = tmp_path / "progress.json.unreadable-2"
    assert kept.read_bytes() == content and len(list(tmp_path.iterdir())) == 3
    assert capsys.readouterr().out.count(f"it is kept as {kept}.") == 1


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_record_that_an_editor_saved_is_read(monkeypatch, tmp_path, encoding):
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "progress.json"))
    (tmp_path / "progress.json").write_text('{"1.1": "pass"}', encoding=encoding)
    progress.note("1.2", "fail")
    assert progress.load() == {"1.1": "pass", "1.2": "fail"}


def test_a_folder_in_place_of_the_record_is_left_alone(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path))
    progress.note("1.1", "pass")
    assert progress.load() == {} and list(tmp_path.iterdir()) == []


def test_a_failed_write_is_silent_and_without_a_file_nothing_is_written(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "not there/progress.json"))
    progress.note("1.1", "pass")
    monkeypatch.delenv("COURSE_PROGRESS")
    progress.note("1.1", "pass")
    assert list(tmp_path.iterdir()) == []


def test_check_writes_to_the_record(monkeypatch, tmp_path):
    from course_utils import check

    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "progress.json"))
    check("1.1", lambda *a: None)
    assert progress.load() == {"1.1": "fail"}
