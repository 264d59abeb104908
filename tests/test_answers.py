"""The verdicts on answers of people who had not seen the checks; see tests/answers."""

import re

import pytest
import torch

from course_utils.checks import Outcome, evaluate, find
from course_utils.checks.limits import TimeUp
from tests import answers
from tests.rounds import drawn

pytestmark = pytest.mark.filterwarnings("ignore")
DAILY = 8  # every eighth answer decides daily; those whose hint was wrong once always do
ENTRIES = [
    pytest.param(entry, id=f"{entry['exercise']}-{entry['due']}-{entry['name'].replace(' ', '_')}")
    for entry in answers.entries()
]
QUICK = [entry for entry in ENTRIES if not find(entry.values[0]["exercise"]).is_build]
BUILD = [entry for entry in ENTRIES if find(entry.values[0]["exercise"]).is_build]
OFTEN = [e for i, e in enumerate(QUICK) if i % DAILY == 0 or "never" in e.values[0]]


@pytest.mark.parametrize("entry", OFTEN)
def test_an_answer_gets_the_verdict_that_is_due(entry):
    judged(entry, drawn(entry["exercise"], 0).verdict)


@pytest.mark.slow
@pytest.mark.parametrize("entry", [entry for entry in QUICK if entry not in OFTEN])
def test_every_answer_gets_the_verdict_that_is_due(entry):
    judged(entry, drawn(entry["exercise"], 0).verdict)


@pytest.mark.slow
@pytest.mark.parametrize("entry", BUILD)
def test_an_answer_to_a_build_task_gets_the_verdict_that_is_due(entry):
    judged(entry, lambda answer: evaluate(entry["exercise"], answer))


def judged(entry, verdict):
    """Assert that the verdict, and what its hint says, are what the entry has."""
    try:
        outcome = verdict(answers.function(entry))
    except TimeUp as error:
        outcome = Outcome("fail", str(error))
    assert entry["due"] in (outcome.status, "either"), outcome.hint
    assert not re.search(entry.get("never", "(?!)"), outcome.hint), outcome.hint
    assert re.search(entry.get("says", ""), outcome.hint), outcome.hint


@pytest.mark.slow
@pytest.mark.parametrize("luck", range(12))
@pytest.mark.parametrize("entry", [e for e in BUILD if e.values[0]["due"] == "pass"])
def test_luck_in_training_does_not_decide_about_right_answers(entry, luck):
    torch.manual_seed(luck)
    assert evaluate(entry["exercise"], answers.function(entry), 100 + luck).status == "pass"
