"""Take the process down, or use up what it may use. Never import this: the functions do what they say."""
# ruff: noqa


def exits_quietly(*args):
    import os
    os._exit(0)


def exits_loudly(*args):
    import os
    os._exit(77)


def calls_sys_exit(*args):
    import sys
    sys.exit(0)


def interrupts(*args):
    raise KeyboardInterrupt


def raises_generator_exit(*args):
    raise GeneratorExit


def raises_a_group(*args):
    raise BaseExceptionGroup("g", [SystemExit(0), KeyboardInterrupt()])


def raises_the_unprintable(*args):
    class Unprintable(Exception):
        def __str__(self):
            raise SystemExit(0)
        __repr__ = __str__
    raise Unprintable


def raises_with_a_megabyte_of_text(*args):
    raise ValueError("<script>alert(1)</script>" * 40000 + "\ud800\x00\x1b[31m")


def aborts(*args):
    import os
    os.abort()


def segfaults(*args):
    import ctypes
    ctypes.string_at(0)


def kills_itself(*args):
    import os
    os.kill(os.getpid(), 9)


def stops_itself(*args):
    import os, signal
    os.kill(os.getpid(), signal.SIGSTOP)


def kills_its_parent(*args):
    import os
    os.kill(os.getppid(), 9)


def stops_its_parent(*args):
    import os, signal
    os.kill(os.getppid(), signal.SIGSTOP)


def kills_everybody(*args):
    import os
    for pid in (1, -1, 0):
        try:
            os.kill(pid, 9)
        except OSError:
            pass


def recurses(*args):
    import sys
    sys.setrecursionlimit(10**8)
    def deeper():
        return deeper() + 1
    return deeper()


def overflows_the_c_stack(*args):
    nested = None
    for _ in range(10**6):
        nested = [nested]
    return repr(nested)


def parses_a_bomb(*args):
    return eval("(" * 10**5 + ")" * 10**5)


def compiles_forever(*args):
    return eval("9**9**9**9")


def allocates_at_once(*args):
    return bytearray(64 << 30)


def allocates_two_gigabytes(*args):
    import numpy as np
    kept = [np.ones(1 << 27) for _ in range(2)]
    return kept[0][:2]


def allocates_bit_by_bit(*args):
    kept = []
    while True:
        kept.append(bytearray(b"x") * (16 << 20))


def children_allocate(*args):
    import os
    for _ in range(12):
        if os.fork() == 0:
            kept = []
            while True:
                kept.append(bytearray(b"x") * (16 << 20))
    while True:
        pass


def loops(*args):
    while True:
        pass


def loops_and_catches(*args):
    while True:
        try:
            while True:
                pass
        except BaseException:
            pass


def sleeps(*args):
    import time
    time.sleep(10**6)


def waits_for_itself(*args):
    import threading
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()


def loops_in_c(*args):
    return sum(range(10**14))


def backtracks(*args):
    import re
    return re.match(r"(a+)+$", "a" * 60 + "b")


def bombs_with_forks(*args):
    import os
    while True:
        try:
            os.fork()
        except OSError:
            pass


def forks_two_hundred(*args):
    import os, time
    for _ in range(200):
        try:
            if os.fork() == 0:
                time.sleep(10**6)
        except OSError:
            return None


def starts_a_daemon(*args):
    import os, time
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            while True:
                time.sleep(1)
        os._exit(0)


def spins_in_children(*args):
    import os
    for _ in range(8):
        if os.fork() == 0:
            while True:
                pass
    os.wait()


def bombs_with_threads(*args):
    import threading, time
    while True:
        threading.Thread(target=time.sleep, args=(10**6,), daemon=True).start()


def leaves_a_thread(*args):
    import threading, time
    threading.Thread(target=time.sleep, args=(10**6,)).start()


def becomes_another_program(*args):
    import os
    os.execv("/bin/sleep", ["sleep", "1000000"])


def becomes_a_shell(*args):
    import subprocess
    subprocess.Popen(["/bin/sh", "-c", "while :; do sleep 1; done"])


def fills_the_disk(*args):
    for n in range(10**4):
        with open(f"/tmp/{n}", "wb") as file:
            file.write(b"x" * (4 << 20))


def fills_shared_memory(*args):
    for n in range(10**4):
        with open(f"/dev/shm/{n}", "wb") as file:
            file.write(b"x" * (4 << 20))


def fills_memory_files(*args):
    import os
    while True:
        os.write(os.memfd_create("x"), b"x" * (4 << 20))


def makes_a_million_files(*args):
    for n in range(10**6):
        open(f"/tmp/f{n}", "w").close()


def writes_a_large_file(*args):
    with open("/tmp/large", "wb") as file:
        while True:
            file.write(b"x" * (1 << 20))


def opens_everything(*args):
    kept = []
    while True:
        kept.append(open("/dev/null"))


def closes_everything(*args):
    import os
    os.closerange(0, 4096)


def prints_without_end(*args):
    while True:
        print("x" * 10**6)


def sets_an_alarm(*args):
    import signal, time
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(1)
    time.sleep(1000)


def dumps_core(*args):
    import os, resource
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (-1, -1))
    except ValueError:
        pass
    os.abort()
