"""The whole suite, every notebook included, runs without network where the system allows it."""

import os
import socket
from pathlib import Path

import pytest

from tests.lessons import IN_CI

OFFLINE = bool(os.environ.get("COURSE_OFFLINE"))


@pytest.mark.skipif(
    not OFFLINE,
    reason="this run was not cut off from the network: start it with `python run.py test`",
)
def test_there_is_no_way_out():
    routes = Path("/proc/net/route").read_text().strip().split("\n")[1:]
    assert not [line for line in routes if line.split()[0] != "lo"], (
        "a network other than the loopback is there"
    )


@pytest.mark.skipif(not OFFLINE, reason="as above")
def test_kernels_can_still_talk_to_the_front_end():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        socket.create_connection(server.getsockname(), timeout=2).close()


def test_in_ci_on_linux_the_network_is_off():
    if not IN_CI:
        pytest.skip("only CI on Linux promises it")
    assert OFFLINE
