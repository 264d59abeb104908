"""What an exception usually means, in one sentence, for those that learners meet most."""

from __future__ import annotations

import re

from course_utils.asking.ask import Raised

MEANINGS = {
    r"mat1 and mat2 shapes cannot be multiplied \((\d+)x(\d+) and (\d+)x(\d+)\)": (
        "a layer that expects {2} numbers per row was given {1}: are two things in the wrong order,"
        " or is a part of its input missing?"
    ),
    r"[Tt]ensors must have same number of dimensions: got (\d+) and (\d+)": (
        "a tensor with {0} dimensions was joined to one with {1}: give both the same number first,"
        " with `expand`, `repeat` or `unsqueeze`"
    ),
    r"Sizes of tensors must match except in dimension (\d+)": (
        "two tensors that are joined along dimension {0} differ in another one: repeat or `expand`"
        " the shorter"
    ),
    r"The size of tensor a \((\d+)\) must match the size of tensor b \((\d+)\)": (
        "a tensor with {0} entries along one dimension met one with {1}: print both shapes; does"
        " one of them need `[:, None]`, or a sum over the other dimension?"
    ),
    r"shape '\[([-\d, ]+)\]' is invalid for input of size (\d+)": (
        "{1} numbers do not fit shape ({0}): is a size fixed that should come from the input?"
    ),
    r"could not be broadcast together with shapes (\([\d,]*\)) (\([\d,]*\))": (
        "shapes {0} and {1} do not fit together: does one of them need `[:, None]`?"
    ),
    r"matmul: Input operand 1 has a mismatch in its core dimension": (
        "the shapes of a matrix product do not fit: is a transpose missing, or are its factors in"
        " the wrong order?"
    ),
    r"element 0 of tensors does not require grad": (
        "the loss has no path back to the parameters: look for `no_grad`, `detach`, `.item()`, a"
        " frozen network, or a new tensor made from numbers"
    ),
    r"backward through the graph a second time|version \d+; expected version": (
        "`backward` runs through a graph that an earlier call used up or changed: compute the loss"
        " again, or `detach` what is not to be trained"
    ),
    r"leaf Variable that requires grad is being used in an in-place": (
        "it changes a tensor in place that gradients must flow through: make a new tensor instead"
    ),
    r"Can't call numpy\(\) on Tensor that requires grad": (
        "NumPy cannot follow a gradient: stay with torch functions, or `detach` first where no"
        " gradient is needed"
    ),
    r"(?:only one element tensors can be converted|a Tensor with (\d+) elements cannot be conv"
    r"|only (?:length-1|0-dimensional) arrays can be converted|ambiguous)": (
        "one number was asked of an array with several: is a sum, a mean, `any`, `all` or an index"
        " missing?"
    ),
    r"math domain error|expected a (?:positive|nonnegative) input": (
        "a logarithm or a root met a number that it does not take, such as `log(0)`"
    ),
    r"math range error|Result too large": "an exponential overflowed: subtract the largest first",
    r"'(list|tuple|float|int|NoneType|function|dict|str)' object has no attribute '(\w+)'": (
        "`.{1}` was asked of a {0}, which has none: which object was meant?"
    ),
    r"'numpy\.ndarray' object has no attribute '(\w+)'": (
        "`.{0}` was asked of a NumPy array, which has none: is this a tensor's method?"
    ),
    r"'Tensor' object has no attribute '(\w+)'": (
        "`.{0}` was asked of a tensor, which has none: is this a NumPy method?"
    ),
    r"'([\w.]+)' object is not iterable": (
        "a loop or a call that needs several values was given a single {0}"
    ),
    r"object of type '([\w.]+)' has no len": "`len` was asked of a {0}, which is a single value",
    r"'([\w.]+)' object is not subscriptable": "an index was asked of a {0}, which has no entries",
    r"'(\w+)' object is not callable": "brackets follow a {0}, which is no function",
    r"missing (\d+) required positional argument": "a call leaves out an argument: {0} missing",
    r"takes (\d+) positional arguments? but (\d+) (?:was|were) given": (
        "a function of {0} arguments was called with {1}"
    ),
    r"got an unexpected keyword argument '(\w+)'": "a call names the argument `{0}`, unknown there",
    r"name '(\w+)' is not defined": "the name `{0}` is not defined where the function uses it",
    r"cannot access local variable '(\w+)'|local variable '(\w+)' referenced": (
        "`{0}` is used before it has a value"
    ),
    r"not enough values to unpack \(expected (\d+), got (\d+)\)": (
        "{0} values were unpacked from something that holds {1}"
    ),
    r"too many values to unpack \(expected (\d+)": (
        "{0} values were unpacked from something that holds more"
    ),
    r"maximum recursion depth": "the function calls itself without an end",
    r"index (-?\d+) is out of bounds for (?:axis|dimension) (\d+) with size (\d+)": (
        "index {0} was asked of an axis of length {2}: is the last index off by one?"
    ),
    r"(?:list|tuple|string) index out of range": (
        "an index lies beyond the end: is the last index off by one, or a list empty?"
    ),
    r"(?:integer )?division by zero|float division by zero": (
        "a division by 0: which count or sum can be 0 here?"
    ),
    r"expected scalar type (\w+) but found (\w+)|same dtype|must have the same dtype": (
        "two types of number met in one operation: convert one with `.float()` or `.long()`"
    ),
    r"unsupported operand type\(s\) for (\S+): '(\w[\w.]*)' and '(\w[\w.]*)'": (
        "`{0}` between a {1} and a {2} has no meaning: convert one of them first"
    ),
    r"can only concatenate (\w+)": "`+` between a {0} and something else: convert one of them",
    r"list indices must be integers or slices, not (\w+)": (
        "a list was indexed with a {0}: turn it into an array or a tensor first"
    ),
    r"assignment destination is read-only": "it writes into its input: work on a copy",
    r"Placeholder|not implemented for 'Half'|not implemented for '(\w+)'": (
        "this operation does not exist for that type of number: convert with `.float()`"
    ),
}


def explained(raised: Raised) -> str:
    """The exception, with its usual meaning in front where that is known."""
    name = raised.kinds[0].partition(":")[0]  # a `read` may have put the message behind it
    text = " ".join(raised.message.split())
    if name == "KeyError" and text:
        return f"the key {text} is not there: can it be missing for some inputs? (it raised {name})"
    for pattern, meaning in MEANINGS.items():
        found = re.search(pattern, text)
        if found:
            groups = [group for group in found.groups() if group is not None]
            return f"{meaning.format(*groups)} (it raised {name}: {text})"
    return f"it raised {name}" + (f": {text}" if text else "")
