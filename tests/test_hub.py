"""The hub benchmark as far as it goes without a hub, and what its last run says."""

import ast
import json

from tests.lessons import ROOT, STEMS
from tools.measure import hub


def test_without_a_hub_it_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setattr(hub.shutil, "which", lambda tool: None)
    assert hub.main() == 2 and "configurable-http-proxy" in capsys.readouterr().err


def test_nobody_outside_this_machine_can_reach_it():
    text = hub.CONFIG.format(
        port=1, hub=2, proxy=3, folder="/f", token="t", share="/s", profile="smoke", patience=1
    )
    ast.parse(text)
    assert (
        text.count("http://127.0.0.1:") == 3
        and 'c.Spawner.ip = "127.0.0.1"' in text
        and "0.0.0.0" not in text
    )
    assert len(set(hub.free_ports(3))) == 3


def test_errors_among_the_replies_are_told_and_other_peoples_are_not():
    class Socket:
        def __init__(self):
            self.messages = [b"binary"] + [
                json.dumps(
                    {"parent_header": {"msg_id": mine}, "msg_type": kind, "content": content}
                )
                for mine, kind, content in (
                    ("other", "error", {"ename": "No", "evalue": "no"}),
                    ("mine", "error", {"ename": "NameError", "evalue": "x"}),
                    ("mine", "execute_reply", {}),
                    ("mine", "error", {"ename": "Late", "evalue": ""}),
                )
            ]

        def recv(self):
            return self.messages.pop(0)

    assert list(hub.replies(Socket(), "mine")) == ["NameError: x"]


def test_a_person_who_does_not_finish_is_counted():
    told = [
        {"server": 2.0, "lesson": 5.0, "errors": []},
        {"server": 4.0, "lesson": 9.0, "errors": ["E: e"]},
    ]
    found = hub.summary("01_x", 3, "smoke", told, [100.0, 300.0], [])
    assert (found["finished"], found["users"], found["errors"]) == (2, 3, ["E: e"])
    assert (found["seconds_to_a_server"], found["seconds_for_the_lesson"]) == (3, 7)
    assert (found["kernel_mb"], found["server_mb"]) == (200, None)


def test_ten_people_finished_a_lesson_at_once_without_an_error():
    found = json.loads((ROOT / hub.FILE).read_text(encoding="utf-8"))
    assert found["users"] >= 10 and found["finished"] == found["users"] and found["errors"] == []
    assert found["lesson"] in STEMS and found["profile"] == "cpu"
