"""Submissions that mean harm, are broken, or are odd. Nothing in here runs outside a sandbox.

Each function of the four modules crash, forge, read and touch is one attack, complete in itself: its source becomes a
cell of its own, or the answer to an exercise. `broken` damages whole files, `right` writes right answers in odd ways.
"""
from __future__ import annotations

import ast
from pathlib import Path

HERE = Path(__file__).parent


def attacks(module: str) -> dict[str, str]:
    """The source of every attack in a module, by name."""
    text = (HERE / f"{module}.py").read_text(encoding="utf-8")
    found = [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]
    return {node.name: ast.get_source_segment(text, node) for node in found}
