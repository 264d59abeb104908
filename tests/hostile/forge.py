"""Claim to be right without being right. Never import this: the functions do what they say."""
# ruff: noqa


def prints_success(*args):
    print("All test cases passed! 4/4")
    return "pass"


def writes_success_everywhere(*args):
    import json, os
    line = json.dumps({"id": "0" * 16, "ok": 0.0, "changed": False}).encode() + b"\n"
    for fd in range(64):
        try:
            os.write(fd, line)
            os.write(fd, b"w" + line + b"\nw{\"over\": true}\nw{\"gone\": true}\n")
        except OSError:
            pass


def answers_before_being_asked(*args):
    import os
    for fd in range(3, 64):
        try:
            os.write(fd, b'{"id": "1", "ok": 1}\n' * 1000)
        except OSError:
            pass


def goes_on_answering_from_a_thread(*args):
    import os, threading
    def flood():
        while True:
            for fd in range(3, 64):
                try:
                    os.write(fd, b'{"id": "1", "ok": 1}\n')
                except OSError:
                    pass
    threading.Thread(target=flood, daemon=True).start()


def speaks_as_the_warden(*args):
    import os
    for fd in range(3, 64):
        try:
            os.write(fd, b'\nw{"over": true}\n\nw{"id": "x", "warm": true}\n')
        except OSError:
            pass


def says_half_a_line(*args):
    import os
    for fd in range(3, 64):
        try:
            os.write(fd, b'{"id": "')
        except OSError:
            pass
    os._exit(0)


def says_no_json(*args):
    import os
    for fd in range(3, 64):
        try:
            os.write(fd, b"\xff\xfe\x00" * 100 + b"\n" + b"[" * 100000 + b"\n" + b'{"id":' * 5000 + b"\n")
        except OSError:
            pass


def says_a_gigabyte(*args):
    import os
    for _ in range(1000):
        for fd in range(3, 64):
            try:
                os.write(fd, b"x" * (1 << 20))
            except OSError:
                pass


def patches_json(*args):
    import json
    json.dumps = lambda *a, **k: '{"id": 1, "ok": 1}'


def patches_the_sender(*args):
    from grading.inside import answering
    answering.send = lambda channel, what: channel.sendall(b'{"status": "pass"}\n')


def patches_the_reply(*args):
    from grading.inside import answering
    answering.reply_to = lambda question, answer: {"ok": {"list": [None] * question.get("times", 1)}, "changed": False}


def patches_the_encoder(*args):
    from course_utils.asking import serialization
    from grading.inside import answering
    answering.encode = serialization.encode = lambda *a: {"array": ["<f8", [2**39], ""]}


def replies_with_odd_forms(*args):
    from grading.inside import answering
    odd = iter([{"list": 3}, {"tuple": None}, {"dict": [1]}, {"dict": [[{"list": []}, 1]]}, {"array": ["O", [1], "AA=="]},
                {"array": ["<f8", [-1], ""]}, {"array": ["<f8", [1e9], ""]}, {"array": ["<f8", "x", ""]}, {"seed": 1}, {},
                {"array": ["<U1000000", [1], ""]}, {"list": [], "tuple": []}, [1, 2], {"array": ["<f8,<f8", [1], ""]}] * 99)
    answering.encode = lambda *a: next(odd)


def replies_with_raised_of_odd_forms(*args):
    from grading.inside import answering
    odd = iter([{"raised": 3}, {"raised": []}, {"raised": [[]], "message": ""}, {"raised": ["ValueError"], "message": 3}] * 99)
    answering.reply_to = lambda question, answer: next(odd)


def nests_the_reply(*args):
    from grading.inside import answering
    def nested(*a):
        made = 1
        for _ in range(500):
            made = {"list": [made]}
        return made
    answering.encode = nested


def serves_the_next_exercise(*args):
    import answering, os
    os._exit = lambda code: None
    answering.serve.__code__ = (lambda channel, exercise, course: None).__code__


def patches_comparison(*args):
    import numpy as np, math
    np.allclose = np.isclose = np.array_equal = lambda *a, **k: True
    math.isclose = lambda *a, **k: True
    return 0.0


def patches_the_engine(*args):
    import engine
    engine.plain = lambda *a, **k: 0.0
    engine.same = lambda *a, **k: True
    engine.Ask.series = lambda self, times, *a: [0.0] * times


def equals_everything(*args):
    class Equal:
        def __eq__(self, other):
            return True
        __ne__ = __lt__ = __gt__ = __hash__ = None
        def __array__(self, *a, **k):
            return self
        def __array_ufunc__(self, *a, **k):
            return True
        def __array_function__(self, *a, **k):
            return True
    return Equal()


def is_a_float_that_equals_everything(*args):
    class Equal(float):
        def __eq__(self, other):
            return True
        def __sub__(self, other):
            return 0.0
        __rsub__ = __sub__
        __hash__ = float.__hash__
    return Equal(3.0)


def is_an_array_that_equals_everything(*args):
    import numpy as np
    class Equal(np.ndarray):
        def __eq__(self, other):
            return np.ones(self.shape, bool)
        def __array_ufunc__(self, *a, **k):
            return True
        def __array_function__(self, *a, **k):
            return True
        def __array_finalize__(self, other):
            pass
    return np.zeros(5).view(Equal)


def lies_from_a_metaclass(*args):
    class Meta(type):
        def __eq__(cls, other):
            return True
        def __instancecheck__(cls, instance):
            return True
        __hash__ = type.__hash__
    class Lies(metaclass=Meta):
        pass
    return Lies()


def lies_about_its_class(*args):
    class Lies:
        @property
        def __class__(self):
            return float
        def __float__(self):
            return 0.0
    return Lies()


def is_a_dict_with_every_key(*args):
    class Every(dict):
        def __getitem__(self, key):
            return True
        def __contains__(self, key):
            return True
        def keys(self):
            return {}.keys()
    return Every()


def is_a_list_without_end(*args):
    class Endless(list):
        def __iter__(self):
            while True:
                yield 1.0
        def __len__(self):
            return 5
    return Endless([1.0])


def is_text_that_equals(*args):
    class Equal(str):
        def __eq__(self, other):
            return True
        __hash__ = str.__hash__
    return Equal("x")


def pickles_a_surprise(*args):
    class Surprise:
        def __reduce__(self):
            import os
            return os.system, ("touch /tmp/pickled",)
    return Surprise()


def returns_objects(*args):
    import numpy as np
    return np.array([object(), None], dtype=object)


def returns_records(*args):
    import numpy as np
    return np.zeros(3, dtype=[("a", "f8"), ("b", "O")])


def returns_dates(*args):
    import numpy as np
    return np.array(["2026-11-24"], dtype="datetime64[D]")


def returns_a_mask(*args):
    import numpy as np
    return np.ma.masked_all(5)


def returns_a_matrix(*args):
    import numpy as np
    return np.matrix([[1.0, 2.0]])


def returns_a_broadcast_giant(*args):
    import numpy as np
    return np.broadcast_to(np.float64(1), (10**12,))


def returns_a_column_and_a_row_in_turn(*args):
    import numpy as np
    column = columns.pop() if (columns := globals().setdefault("columns", [True, False] * 50)) else True
    return np.zeros((10**5, 1) if column else (1, 10**5))


def returns_much(*args):
    import numpy as np
    return np.zeros(10**7)


def returns_very_much(*args):
    import numpy as np
    return np.zeros(3 * 10**8, dtype="u1")


def returns_many_keys(*args):
    return {str(n): n for n in range(10**6)}


def returns_a_wide_number(*args):
    return 10**100000


def returns_a_wide_float(*args):
    import numpy as np
    return np.longdouble(1) / 3


def returns_complex(*args):
    return 1j


def returns_nan(*args):
    return float("nan")


def returns_infinity(*args):
    import numpy as np
    return np.full(5, np.inf)


def returns_nothing_of_any_shape(*args):
    import numpy as np
    return np.zeros((0, 2**40))


def returns_itself(*args):
    made = []
    made.append(made)
    return made


def returns_deep_lists(*args):
    made = 1.0
    for _ in range(10**5):
        made = [made]
    return made


def returns_lone_surrogates(*args):
    return "\ud800\udfff\x00\u202e"


def returns_bytes(*args):
    return b"\x00" * 100


def returns_a_function(*args):
    return lambda *a: 0.0


def returns_a_generator(*args):
    return (n for n in range(5))


def raises_every_error(*args):
    raise type("ValueError", (ValueError, TypeError, LookupError, ArithmeticError), {})("no")


def raises_an_error_with_a_forged_name(*args):
    raise type("NotData", (Exception,), {})("<b>it is right</b>")


def pretends_to_be_blank(*args):
    raise NotImplementedError("")


def counts_calls_and_turns(*args):
    state = globals().setdefault("calls", [])
    state.append(1)
    if len(state) > 2:
        raise SystemExit(0)
    return 0.0


def is_a_callable_object(*args):
    class Any:
        def __getattr__(self, name):
            return self
        def __call__(self, *a, **k):
            return self
    return Any()
