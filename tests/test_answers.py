"""The verdicts on answers of people who had not seen the checks; see tests/answers."""

import re

import pytest
import torch

from course_utils.checks import evaluate, find
from tests import answers

pytestmark = pytest.mark.filterwarnings("ignore")
ENTRIES = [
    pytest.param(entry, id=f"{entry['exercise']}-{entry['due']}-{entry['name'].replace(' ', '_')}")
    for entry in answers.entries()
]
QUICK = [entry for entry in ENTRIES if not find(entry.values[0]["exercise"]).is_build]
BUILD = [entry for entry in ENTRIES if find(entry.values[0]["exercise"]).is_build]


@pytest.mark.parametrize("entry", QUICK)
def test_an_answer_gets_the_verdict_that_is_due(entry):
    gets_the_verdict_that_is_due(entry)


@pytest.mark.slow
@pytest.mark.parametrize("entry", BUILD)
def test_an_answer_to_a_build_task_gets_the_verdict_that_is_due(entry):
    gets_the_verdict_that_is_due(entry)


def gets_the_verdict_that_is_due(entry):
    outcome = evaluate(entry["exercise"], answers.function(entry))
    assert entry["due"] in (outcome.status, "either"), outcome.hint
    if "never" in entry:
        assert not re.search(entry["never"], outcome.hint)
    if "says" in entry:
        assert re.search(entry["says"], outcome.hint)


@pytest.mark.slow
@pytest.mark.parametrize("luck", range(12))
@pytest.mark.parametrize("entry", [e for e in BUILD if e.values[0]["due"] == "pass"])
def test_luck_in_training_does_not_decide_about_right_answers(entry, luck):
    torch.manual_seed(luck)
    assert evaluate(entry["exercise"], answers.function(entry), 100 + luck).status == "pass"
