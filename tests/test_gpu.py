"""Lessons on a GPU: cells run without Jupyter, and ranges lie beside those of the CPU."""

import json

import pytest

from course_utils import runtime
from tools.measure import gpu


@pytest.mark.parametrize("source, code", [("x = 1\nassert x == 1", 0), ("1 / 0", 1)])
def test_cells_run_in_order_and_a_failure_is_named(tmp_path, capsys, source, code):
    cells = [{"cell_type": "markdown", "source": "1 / 0"}, {"cell_type": "code", "source": source}]
    path = tmp_path / "01_tiny.ipynb"
    path.write_text(json.dumps({"cells": cells}))
    assert gpu.run_cells(str(path)) == code
    assert ("cell 1 failed" in capsys.readouterr().err) == bool(code)


def test_ranges_of_a_device_leave_those_of_the_cpu_alone(tmp_path, monkeypatch):
    key, entry = next(iter(gpu.recorded(gpu.NUMBERS).items()))
    gpu.write(tmp_path / "numbers.json", {key: [1.0, 2.0]}, "cuda", 2, "9.9")
    written = json.loads((tmp_path / "numbers.json").read_text(encoding="utf-8"))
    assert {k: v for k, v in written[key].items() if k != "on"} == entry
    monkeypatch.setattr(runtime, "_measured", lambda: written)
    for device, low in (("cpu", entry["low"]), ("cuda", written[key]["on"]["cuda"]["low"])):
        monkeypatch.setattr(runtime, "choose_device", lambda device=device: device)
        assert runtime.expected_range(key)["low"] == low
