"""Look for the answers. Each returns what it found, and would be right if it found something. Never import this."""
# ruff: noqa


def imports_the_checks(x, mu, var):
    from course_utils.checks import course_version, find
    return course_version(find("1.1"))(x, mu, var)


def imports_the_oracle(x, mu, var):
    from course_utils.lesson01.exercises import NORMAL
    return NORMAL.oracle(x, mu, var)


def imports_what_was_taught(x, mu, var):
    from course_utils.lesson01.taught import normal_logpdf as taught
    return taught(x, mu, var)


def imports_what_later_lessons_taught(x, mu, var):
    import importlib, pkgutil
    import course_utils
    for module in pkgutil.iter_modules(course_utils.__path__):
        if not module.name.startswith("lesson"):
            continue
        found = importlib.import_module(f"course_utils.{module.name}.taught")
        if hasattr(found, "normal_logpdf"):
            return found.normal_logpdf(x, mu, var)


def asks_the_check(x, mu, var):
    from course_utils import check
    return check("1.1", lambda *a: None)(x, mu, var)


def asks_the_check_for_its_version(x, mu, var):
    import course_utils
    return course_utils.check("1.1", None).use(x, mu, var)


def searches_modules(x, mu, var):
    import sys
    for module in list(sys.modules.values()):
        for name in ("NORMAL", "EXERCISES", "_normal_oracle", "normal_logpdf"):
            found = getattr(module, name, None)
            if name == "normal_logpdf" and module.__name__ != "__main__" and found:
                return found(x, mu, var)
            if found and name != "normal_logpdf":
                return found.oracle(x, mu, var)


def searches_frames(*args):
    import sys
    frame = sys._getframe()
    while frame:
        for name in ("want", "wanted", "expected", "reference", "case", "oracle"):
            if name in frame.f_locals:
                return frame.f_locals[name]
        frame = frame.f_back


def searches_the_heap(x, mu, var):
    import gc
    for thing in gc.get_objects():
        if type(thing).__name__ in ("Exercise", "Case", "Questions"):
            return thing.oracle(x, mu, var)


def searches_the_disk(x, mu, var):
    import os, re
    for folder, _, files in os.walk("/"):
        if folder.startswith(("/proc", "/sys", "/usr/share")):
            continue
        for name in files:
            if re.search(r"lesson01/(exercises|taught)\.py|01_distributions|normal_logpdf", os.path.join(folder, name)):
                space = {}
                exec(open(os.path.join(folder, name)).read(), space)
                return space["normal_logpdf"](x, mu, var)


def searches_the_package(x, mu, var):
    import importlib.metadata
    files = importlib.metadata.files("generative-ai-course") or []
    text = "".join(f.read_text() for f in files if f.name.endswith(".py"))
    space = {}
    exec(text[text.index("def normal_logpdf"):], space)
    return space["normal_logpdf"](x, mu, var)


def follows_the_editable_install(x, mu, var):
    import importlib, sys
    for finder in sys.meta_path:
        mapping = getattr(sys.modules.get(getattr(finder, "__module__", "")), "MAPPING", {})
        for name, path in mapping.items():
            space = {}
            exec(open(path + "/lesson01/taught.py").read(), space)
            return space["normal_logpdf"](x, mu, var)


def follows_the_mounts(x, mu, var):
    import os, re
    for path in set(re.findall(r" (/\S+)", open("/proc/self/mountinfo").read())):
        place = os.path.join(path, "course_utils/lesson01/exercises.py")
        if os.path.exists(place) or os.path.exists("/" + place.lstrip("/")):
            space = {}
            exec(open(place).read(), space)
            return space["NORMAL"].oracle(x, mu, var)


def reads_the_command_lines(x, mu, var):
    import glob, os, re
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        for part in open(path).read().split("\0"):
            place = os.path.join(os.path.dirname(part), "../lessons/01_distributions.py")
            if os.path.exists(place):
                return open(place).read()


def reads_the_environment(*args):
    import glob
    found = {}
    for path in glob.glob("/proc/[0-9]*/environ"):
        try:
            found[path] = open(path).read()
        except OSError:
            pass
    return str(found)


def reads_the_memory_of_the_parent(*args):
    import os
    for pid in (1, os.getppid()):
        try:
            open(f"/proc/{pid}/maps").read()
            with open(f"/proc/{pid}/mem", "rb") as memory:
                memory.seek(0x400000)
                return memory.read(100)
        except OSError:
            pass


def opens_the_files_of_the_parent(*args):
    import os
    for pid in (1, os.getppid()):
        for fd in range(16):
            try:
                with open(f"/proc/{pid}/fd/{fd}", "r+b", 0) as file:
                    file.write(b'c{"ok": 1}\nw{"over": true}\n')
            except OSError:
                pass


def steals_the_descriptors_of_the_parent(*args):
    import ctypes, os
    libc = ctypes.CDLL(None, use_errno=True)
    handle = libc.syscall(434, os.getppid(), 0)
    for fd in range(16):
        stolen = libc.syscall(438, handle, fd, 0)
        if stolen >= 0:
            os.write(stolen, b'w{"over": true}\n')


def traces_the_parent(*args):
    import ctypes, os
    libc = ctypes.CDLL(None)
    for pid in (1, os.getppid()):
        if libc.ptrace(16, pid, 0, 0) == 0:
            libc.ptrace(8, pid, 0, 0)
            return "attached"


def writes_into_the_parent(*args):
    import ctypes, os
    buffer = ctypes.create_string_buffer(8)
    class Vec(ctypes.Structure):
        _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]
    ours, theirs = Vec(ctypes.addressof(buffer), 8), Vec(0x400000, 8)
    ctypes.CDLL(None).process_vm_writev(os.getppid(), ctypes.byref(ours), 1, ctypes.byref(theirs), 1, 0)


def asks_the_network(*args):
    import urllib.request
    url = "https://raw.githubusercontent.com/OWNER/generative-ai-course/main/course_utils/lesson01/taught.py"
    return urllib.request.urlopen(url, timeout=2).read().decode()


def installs_the_course(*args):
    import subprocess, sys
    return subprocess.run([sys.executable, "-m", "pip", "install", "--target", "/tmp/p", "generative-ai-course"], timeout=2).returncode


def asks_a_local_server(*args):
    import socket
    for port in (22, 80, 631, 8888, 9999):
        for host in ("127.0.0.1", "::1", "10.0.0.1", "169.254.169.254"):
            try:
                socket.create_connection((host, port), 0.2).sendall(b"x")
            except OSError:
                pass


def listens(*args):
    import socket
    for family, address in ((socket.AF_INET, ("127.0.0.1", 0)), (socket.AF_UNIX, "\0hidden")):
        try:
            socket.socket(family).bind(address)
        except OSError:
            pass


def sends_raw_packets(*args):
    import socket
    return socket.socket(socket.AF_PACKET, socket.SOCK_RAW).send(b"x" * 60)


def uses_the_session_bus(*args):
    import glob, socket
    for path in ["/run/dbus/system_bus_socket", "/var/run/docker.sock", *glob.glob("/tmp/.X11-unix/*"), *glob.glob("/run/**/*")]:
        socket.socket(socket.AF_UNIX).connect(path)
        return "connected"


def reads_the_seed(*args):
    import random, numpy as np
    return str(np.random.get_state()[1][:3]) + str(random.getstate()[1][:3])


def reads_what_others_left(*args):
    import os
    return str([os.listdir(p) for p in ("/tmp", "/dev/shm", "/home", "/root") if os.path.isdir(p)])
