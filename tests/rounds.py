"""What one seed asks in an exercise; its mutants are put to the cases once, for all tests."""

import functools

import numpy as np

from course_utils import checks
from course_utils.asking.ask import Ask
from course_utils.checks import find
from course_utils.checks.exercise import observe
from course_utils.checks.limits import within


class Round:
    """What one seed asks in an exercise, what is due, and what each mutant shows, asked once."""

    def __init__(self, exercise, seed):
        self.exercise = exercise
        self.cases = list(exercise.draw(np.random.default_rng(seed)))
        self.want = [exercise.wanted(case) for case in self.cases]
        self.shows = functools.cache(self._observed)

    def _observed(self, name, i):
        return observe(Ask(self.exercise.mutants[name].answer), self.cases[i])

    def verdict(self, answer):
        """As `evaluate` has it. Raises TimeoutError where the answer takes too long."""
        ask = Ask(answer)
        got = within(self.exercise.seconds, lambda: [observe(ask, case) for case in self.cases])
        return checks.verdict(self.exercise, self.cases, self.want, got, ask.changed, self.shows)


@functools.lru_cache(maxsize=100)
def drawn(exercise_id, seed):
    return Round(find(exercise_id), seed)
