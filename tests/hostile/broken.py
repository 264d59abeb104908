"""Damage to whole files: each takes the bytes of a right notebook and returns a submission that cannot be read, or can.

READABLE keep every answer intact, so they must score full; the UNREADABLE must be reported, not scored.
"""
from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any


def _changed(change: Callable[[dict[str, Any]], Any]) -> Callable[[bytes], bytes]:
    def damage(data: bytes) -> bytes:
        notebook = json.loads(data)
        made = change(notebook)
        return json.dumps(notebook if made is None else made).encode()
    return damage


def _each(change: Callable[[dict[str, Any]], Any]) -> Callable[[bytes], bytes]:
    return _changed(lambda notebook: [change(cell) for cell in notebook["cells"]] and None)


def _output(cell: dict[str, Any]) -> None:
    if cell["cell_type"] == "code":
        cell["outputs"] = [{"output_type": "display_data", "metadata": {}, "data": {"image/png": "A" * 20000}}]


def _old_format(notebook: dict[str, Any]) -> dict[str, Any]:
    cells = [{**cell, "input": cell["source"]} for cell in notebook["cells"]]
    for cell in cells:
        del cell["source"]
    return {"nbformat": 3, "metadata": {}, "worksheets": [{"cells": cells}]}


UNREADABLE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "one byte": lambda data: b"{",
    "cut in the middle": lambda data: data[:len(data) // 2],
    "a brace too many": lambda data: data + b"}",
    "a page of HTML": lambda data: b"<!doctype html><title>Log in</title>",
    "a Word document": lambda data: b"PK\x03\x04" + b"\x00" * 2000,
    "noise": lambda data: bytes(range(256)) * 50,
    "not UTF-8": lambda data: data.replace(b'"', b'"\xff\xfe', 1),
    "zeros": lambda data: b"\0" * 5000,
    "merge conflict": lambda data: data.replace(b"{", b"<<<<<<< HEAD\n{", 1),
    "a list": lambda data: b"[1, 2, 3]",
    "a number": lambda data: b"7",
    "null": lambda data: b"null",
    "text": lambda data: b'"notebook"',
    "no cells": _changed(lambda n: {"metadata": {}, "nbformat": 4}),
    "cells are text": _changed(lambda n: n.update(cells="none")),
    "cells are a dict": _changed(lambda n: n.update(cells={"0": n["cells"][0]})),
    "deeply nested": lambda data: b"[" * 200_000 + b"]" * 200_000,
    "nested a little less": lambda data: b'{"cells":' * 5000 + b"1" + b"}" * 5000,
    "a million lists": lambda data: b'{"cells": [' + b"[]," * 1_000_000 + b"1]}",
    "millions of numbers": lambda data: b'{"cells": [' + b"1," * 3_000_000 + b"1]}",
    "a number of a million digits": lambda data: b'{"cells": [' + b"9" * 1_000_000 + b"]}",
    "larger than allowed": lambda data: b" " * (21 << 20) + data,
}
READABLE: dict[str, Callable[[bytes], bytes]] = {
    "as it is": lambda data: data,
    "a byte order mark": lambda data: b"\xef\xbb\xbf" + data,
    "UTF-16": lambda data: data.decode().encode("utf-16"),
    "Windows line ends": _each(lambda c: c.update(source=[line.replace("\n", "\r\n") for line in c["source"]])),
    "sources are single strings": _each(lambda c: c.update(source="".join(c["source"]))),
    "no metadata in any cell": _each(lambda c: c.update(metadata={})),
    "metadata is null": _each(lambda c: c.update(metadata=None)),
    "metadata is gone": _each(lambda c: c.pop("metadata")),
    "tags are text": _each(lambda c: c.update(metadata={"tags": "exercise"})),
    "tags are numbers": _each(lambda c: c.update(metadata={"tags": [1, None, {}]})),
    "no ids": _each(lambda c: c.pop("id")),
    "all ids equal": _each(lambda c: c.update(id="same")),
    "large outputs": _each(_output),
    "outputs are nonsense": _each(lambda c: c.update(outputs="nonsense", execution_count={})),
    "notebook metadata is gone": _changed(lambda n: [n.pop(key) for key in ("metadata", "nbformat", "nbformat_minor")] and None),
    "nbformat 99": _changed(lambda n: n.update(nbformat=99)),
    "cells that are no cells": _changed(lambda n: n["cells"].extend([None, 1, "x", [], {}, {"cell_type": 3, "source": 7}])),
    "a source that is a dict": _changed(lambda n: n["cells"].append({"cell_type": "code", "source": {"a": 1}})),
    "lines that are no text": _changed(lambda n: n["cells"].append({"cell_type": "code", "source": [1, None, "x = 1"]})),
    "lone surrogates": _changed(lambda n: n["cells"].append({"cell_type": "markdown", "source": "\ud800", "metadata": {}})),
    "reversed": _changed(lambda n: n["cells"].reverse()),
    "answers only": _changed(lambda n: n.update(cells=[c for c in n["cells"] if any(
        t.startswith("exercise:") for t in c["metadata"].get("tags", []))])),
    "no checks": _changed(lambda n: n.update(cells=[c for c in n["cells"] if not any(
        t.startswith("check:") for t in c["metadata"].get("tags", []))])),
    "twice": _changed(lambda n: n.update(cells=n["cells"] * 2)),
    "a cell type of its own": _each(lambda c: c.update(cell_type="sql") if c["cell_type"] == "markdown" else None),
    "the format of 2014": _changed(_old_format),
}
