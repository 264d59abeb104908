"""Right answers to lesson 01, written or stored in other ways: full marks are due. Each takes a solved notebook."""
from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

Notebook = dict[str, Any]
DENSITY = "normal_logpdf"


def _cell(notebook: Notebook, exercise: str) -> dict[str, Any]:
    return next(c for c in notebook["cells"] if f"exercise:{exercise}" in c["metadata"].get("tags", []))


def _code(source: str) -> dict[str, Any]:
    return {"cell_type": "code", "execution_count": None, "id": "own", "metadata": {}, "outputs": [], "source": source}


def answer(source: str) -> Callable[[Notebook], Notebook]:
    """Another answer to exercise 1.1."""
    def change(notebook: Notebook) -> Notebook:
        made = copy.deepcopy(notebook)
        _cell(made, "1.1")["source"] = source
        return made
    return change


def around(before: str = "", after: str = "", at: int = 2) -> Callable[[Notebook], Notebook]:
    """Text put before and after the answer to 1.1."""
    def change(notebook: Notebook) -> Notebook:
        made = copy.deepcopy(notebook)
        cell = _cell(made, "1.1")
        cell["source"] = before + "".join(cell["source"]) + after
        return made
    return change


def with_cells(*sources: str, last: bool = False, then: Callable[[Notebook], Notebook] = lambda n: n) -> Callable:
    """Extra cells, at the front or at the end."""
    def change(notebook: Notebook) -> Notebook:
        made = then(copy.deepcopy(notebook))
        made["cells"] = made["cells"] + [*map(_code, sources)] if last else [*map(_code, sources)] + made["cells"]
        return made
    return change


def _moved_below(notebook: Notebook) -> Notebook:
    """The stub stayed where it was; the answer stands in a new cell at the end."""
    made = copy.deepcopy(notebook)
    cell = _cell(made, "1.1")
    made["cells"].append(_code("".join(cell["source"])))
    cell["source"] = f"def {DENSITY}(x, mu, var):\n    raise NotImplementedError('1.1 {DENSITY}')"
    cell["metadata"] = {}
    made["cells"][-1]["metadata"] = {"tags": ["exercise:1.1"]}
    return made


def _as_text(notebook: Notebook) -> Notebook:
    made = copy.deepcopy(notebook)
    _cell(made, "1.1")["cell_type"] = "markdown"
    return made


def _all_in_one(notebook: Notebook) -> Notebook:
    made = copy.deepcopy(notebook)
    sources = ["".join(c["source"]) for c in made["cells"] if any(t.startswith("exercise:") for t in c["metadata"].get("tags", []))]
    return made | {"cells": [_code("\n\n".join(["import math", "import numpy as np", *sources]))]}


def _whole_notebook_in_one(notebook: Notebook) -> Notebook:
    sources = ["".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "code"]
    return notebook | {"cells": [_code("\n\n".join(s for s in sources if " = check(" not in s))]}


def _untagged(notebook: Notebook) -> Notebook:
    made = copy.deepcopy(notebook)
    for cell in made["cells"]:
        cell["metadata"] = {}
    return made


def _without_imports(notebook: Notebook) -> Notebook:
    made = copy.deepcopy(notebook)
    made["cells"] = [c for c in made["cells"] if "import " not in "".join(c["source"])]
    return made


FORMULA = "-0.5 * (np.log(2 * np.pi * var) + (np.asarray(x) - mu) ** 2 / var)"
PLAIN = f"def {DENSITY}(x, mu, var):\n    return {FORMULA}\n"
RIGHT: dict[str, Callable[[Notebook], Notebook]] = {
    "as it is": copy.deepcopy,
    "own formula": answer(PLAIN),
    "a lambda": answer(f"{DENSITY} = lambda x, mu, var: {FORMULA}"),
    "a callable object": answer(f"class Density:\n    def __call__(self, x, mu, var):\n        return {FORMULA}\n\n{DENSITY} = Density()"),
    "a partial": answer(f"from functools import partial\ndef general(c, x, mu, var):\n    return {FORMULA}\n{DENSITY} = partial(general, 1)"),
    "a decorator": answer(f"import functools\n@functools.wraps(print)\n{PLAIN}"),
    "a helper above": answer(f"def square(v):\n    return v * v\n\ndef {DENSITY}(x, mu, var):\n"
                             "    return -0.5 * (np.log(2 * np.pi * var) + square(np.asarray(x) - mu) / var)"),
    "a helper below": answer(f"def {DENSITY}(x, mu, var):\n    return helper(x, mu, var)\n\ndef helper(x, mu, var):\n    return {FORMULA}"),
    "a helper in another cell": with_cells(f"def helper(x, mu, var):\n    return {FORMULA}",
                                           then=answer(f"def {DENSITY}(x, mu, var):\n    return helper(x, mu, var)")),
    "a helper in a later cell": with_cells(f"def helper(x, mu, var):\n    return {FORMULA}", last=True,
                                           then=answer(f"def {DENSITY}(x, mu, var):\n    return helper(x, mu, var)")),
    "a constant that is computed elsewhere": with_cells("import math as m\nLOG = m.log(2 * m.pi)", then=answer(
        f"def {DENSITY}(x, mu, var):\n    return -0.5 * (LOG + np.log(var) + (np.asarray(x) - mu) ** 2 / var)")),
    "a table filled in a loop": answer("table = {}\nfor key in ('half',):\n    table[key] = 0.5\n"
                                       + PLAIN.replace("0.5", "table['half']")),
    "own imports": answer(f"import numpy as my_np\n{PLAIN.replace('np.', 'my_np.')}"),
    "a star import": answer("from numpy import *\n" + PLAIN.replace("np.", "")),
    "torch inside": answer(f"import torch\ndef {DENSITY}(x, mu, var):\n    x = torch.as_tensor(x, dtype=torch.float64)\n"
                           "    return -0.5 * (torch.log(torch.tensor(2 * np.pi * var, dtype=torch.float64)) + (x - mu) ** 2 / var)"),
    "prints": around("print('hello')\n", f"\nprint({DENSITY}(0.0, 0.0, 1.0))"),
    "prints inside": answer(f"def {DENSITY}(x, mu, var):\n    print('x' * 10000)\n    return {FORMULA}"),
    "a warning": answer(f"import warnings\ndef {DENSITY}(x, mu, var):\n    warnings.warn('careful')\n    return {FORMULA}"),
    "magics": around("%matplotlib inline\n!ls\n", "\n%timeit 1 + 1"),
    "a cell magic": around("%%time\n"),
    "a question": around("", f"\n{DENSITY}?\n?print"),
    "a failing trial below": around("", "\nassert False, 'try again'\nundefined_name"),
    "an endless trial below": around("", "\nwhile True:\n    pass"),
    "a trial that ends the kernel": around("", "\nimport sys\nsys.exit()"),
    "a future import": around("from __future__ import annotations\n"),
    "type hints": answer(f"def {DENSITY}(x: 'np.ndarray', mu: float, var: float) -> np.ndarray:\n    return {FORMULA}"),
    "default arguments": answer(f"def {DENSITY}(x, mu=0.0, var=1.0, *, scale=np.float64(1)):\n    return scale * {FORMULA}"),
    "memory between calls": answer(f"seen = []\ndef {DENSITY}(x, mu, var):\n    seen.append(var)\n    return {FORMULA}"),
    "a global statement": answer(f"def {DENSITY}(x, mu, var):\n    global last\n    last = {FORMULA}\n    return last"),
    "a Greek name": answer(f"def {DENSITY}(x, μ, σ2):\n    return {FORMULA.replace('mu', 'μ').replace('var', 'σ2')}"),
    "an answer below the stub": _moved_below,
    "a failed attempt above": with_cells(f"def {DENSITY}(x, mu, var):\n    return 0"),
    "a cell turned into text": _as_text,
    "all answers in one cell": _all_in_one,
    "the whole notebook in one cell": _whole_notebook_in_one,
    "a later definition that cannot be read": with_cells(f"def {DENSITY}(x, mu, var):\n    return (x", last=True, then=_untagged),
    "a definition in a text": answer(f"exec({PLAIN!r})"),
    "a name looked up in a text": with_cells("HALF = 0.5", then=answer(PLAIN.replace("0.5", "globals()['HALF']"))),
    "a module that the notebook writes": with_cells(f"%%writefile own.py\nimport numpy as np\n{PLAIN}", "import own",
                                                    then=answer(f"def {DENSITY}(x, mu, var):\n    return own.{DENSITY}(x, mu, var)")),
    "a file that the notebook writes": with_cells("import numpy as np\nnp.save('half.npy', 0.5)", "HALF = np.load('half.npy')",
                                                  then=answer(PLAIN.replace("0.5", "HALF"))),
    "no imports": _without_imports,
    "a broken cell beside it": with_cells("def broken(:", "x = = 1", "print 'Python 2'", "\x00", "    indented"),
    "cells that never end": with_cells("while True:\n    pass", "import time\ntime.sleep(10**6)", "input()"),
    "cells that end the kernel": with_cells("import os\nos._exit(0)", "exit()", "raise SystemExit"),
    "other names for the libraries": with_cells("import numpy\nimport scipy.special as special", last=True),
    "an if around a helper": with_cells(f"if True:\n    def helper(x, mu, var):\n        return {FORMULA}",
                                        then=answer(f"def {DENSITY}(x, mu, var):\n    return helper(x, mu, var)")),
    "a try around an import": with_cells("try:\n    import scipy.stats as st\nexcept ImportError:\n    st = None", then=answer(
        f"def {DENSITY}(x, mu, var):\n    return st.norm.logpdf(x, mu, np.sqrt(var))")),
}
