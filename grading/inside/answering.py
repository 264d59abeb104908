"""In the child: build the student's function, then answer calls with plain data until the child is
ended.
"""

from __future__ import annotations

import json
import socket
from typing import Any

from course_utils.asking.ask import AnswerRaised, Ask, NotData, Seed, TensorArg
from course_utils.asking.serialization import decode, encode
from course_utils.asking.settings import standard
from grading.inside.cells import Statement
from grading.inside.program import Notebook

STAND_INS = (Seed, TensorArg)


def serve(channel: socket.socket, exercise: dict, course: list[list[Statement]]) -> None:
    """Answer one line with one line. Only numbers and text leave; everything else becomes the name
    of an error.
    """
    lines, more = channel.makefile("rb"), ""
    try:
        notebook = Notebook(exercise, course)
        more = notebook.more
        answer = notebook.answer(exercise["whole"])
        if not callable(answer):
            raise TypeError(
                f"a function is asked for, and {exercise['name']} is a {type(answer).__name__}"
            )
        reply: dict[str, Any] = {"ready": True}
    except BaseException as error:
        reply = {"broken": f"{type(error).__name__}: {text(error)}"[:300]}
    send(channel, {"id": exercise["id"], "more": more} | reply)
    for line in lines:
        question = json.loads(line)
        send(channel, {"id": question["id"]} | reply_to(question, answer))


def reply_to(question: dict, answer: Any) -> dict[str, Any]:
    ask = Ask(answer)
    try:
        args = [decode(arg, STAND_INS) for arg in question["args"]]
        with standard():
            result = (
                ask.probe(question["probe"], *args)
                if question["probe"]
                else ask.series(question["times"], *args)
            )
        return {"ok": encode(result), "changed": ask.changed}
    except AnswerRaised as error:
        return {
            "raised": [kind[:100] for kind in error.raised.kinds[:20]],
            "message": error.raised.message[:200],
        }
    except NotData as error:
        return {"raised": ["NotData"], "message": text(error)[:200]}


def text(error: BaseException) -> str:
    try:
        return str(error)
    except BaseException:
        return ""


def send(channel: socket.socket, what: dict) -> None:
    channel.sendall(json.dumps(what).encode() + b"\n")
