"""Calls to the kernel that a student's code never gets: what would outlast an exercise, hold memory
that no process is charged for, use processor time that nobody counts, or reach more of the kernel.

An answer has no use for any of them. A refused call fails as on a kernel that does not know it.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct
from typing import NamedTuple

# name: the number on x86-64, the number elsewhere
REFUSED = {
    # objects that no process owns
    "shmget": (29, 194),
    "semget": (64, 190),
    "msgget": (68, 186),
    "mq_open": (240, 180),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "setxattrat": (463, 463),
    # memory outside processes
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    # namespaces; clone3 hides its flags, and libraries fall back to clone
    "unshare": (272, 97),
    "setns": (308, 268),
    "clone3": (435, 435),
    # a process that gives way looks as if others had the processors
    "setpriority": (141, 140),
    "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119),
    "sched_setattr": (314, 274),
    "ioprio_set": (251, 30),
    # large parts of the kernel
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
}


class Rule(NamedTuple):
    """A call is answered with `error` where `argument & mask` is, or is not, `value`; with 0 it
    seems to succeed, and nothing happens.
    """

    numbers: tuple[int, int]
    argument: int
    mask: int
    value: int
    equal: bool
    error: int


NEW_NAMESPACES = 0x7E020000
SHARED, SHARED_OR_PRIVATE, ANONYMOUS, UNIX, SIGCHLD, ALL = 1, 3, 0x20, 1, 17, 0xFFFFFFFF
RULES = [
    Rule((56, 220), 0, NEW_NAMESPACES, 0, False, errno.EPERM),  # clone
    Rule((9, 222), 3, SHARED_OR_PRIVATE | ANONYMOUS, SHARED | ANONYMOUS, True, errno.EPERM),  # mmap
    Rule((41, 198), 0, ALL, UNIX, False, errno.EAFNOSUPPORT),  # socket
    # sigaction: who ignores this signal lets children vanish uncounted
    Rule((13, 134), 0, ALL, SIGCHLD, True, 0),
]
LOAD, EQUAL, AT_LEAST, AND, RETURN = 0x20, 0x15, 0x35, 0x54, 0x06  # the filter's instructions
ALLOW, ERROR = 0x7FFF0000, 0x00050000
NUMBER, ARCHITECTURE, ARGUMENTS = 0, 4, 16  # places of what a filter looks at
FOREIGN = 0x40000000  # x86-64: from here on numbers belong to another way of calling
MACHINES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
NO_NEW_PRIVILEGES, SECCOMP, FILTER = 38, 22, 2


def program(machine: str) -> bytes:
    """The filter for a kind of processor. Raises KeyError for one that is not known."""
    architecture, column = MACHINES[machine]
    refuse = (RETURN, 0, 0, ERROR | errno.ENOSYS)
    steps = [(LOAD, 0, 0, ARCHITECTURE), (EQUAL, 1, 0, architecture), refuse]
    steps += [(LOAD, 0, 0, NUMBER), (AT_LEAST, 0, 1, FOREIGN), refuse]
    for numbers in REFUSED.values():
        steps += [(EQUAL, 0, 1, numbers[column]), refuse]
    for rule in RULES:
        steps += [
            (EQUAL, 0, 5, rule.numbers[column]),
            (LOAD, 0, 0, ARGUMENTS + 8 * rule.argument),
            (AND, 0, 0, rule.mask),
            (EQUAL, *((0, 1) if rule.equal else (1, 0)), rule.value),
            (RETURN, 0, 0, ERROR | rule.error),
            (RETURN, 0, 0, ALLOW),
        ]
    steps.append((RETURN, 0, 0, ALLOW))
    return b"".join(struct.pack("=HBBI", *step) for step in steps)


def refuse() -> None:
    """Refuse these calls to this process and all that it starts, for good. Raises OSError."""
    try:
        code = program(platform.machine())
    except KeyError:
        raise OSError(f"calls to the kernel are not known on {platform.machine()}") from None
    libc = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(code, len(code))
    header = ctypes.create_string_buffer(
        struct.pack("@HP", len(code) // 8, ctypes.addressof(buffer))
    )
    for call in ((NO_NEW_PRIVILEGES, 1, 0, 0, 0), (SECCOMP, FILTER, header, 0, 0)):
        if libc.prctl(*call):
            raise OSError(ctypes.get_errno(), "the kernel takes no filter of calls")
