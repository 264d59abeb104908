"""A pretended Apple GPU: lessons run as they would on one, and what it refuses is an error.

Nothing moves: a tensor that would be on the device is remembered as such, and computed on the CPU.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
import torchgen
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.weak import WeakIdKeyDictionary

from tools.source import read

MPS, CPU = torch.device("mps"), torch.device("cpu")
DOUBLE = (torch.float64, torch.complex128)
# On a GPU, PyTorch takes other ways than these to the same result
WAYS_OF_THE_CPU = re.compile("mkldnn_|.*_for_cpu")
# what may meet tensors of two devices
ACROSS = {"to", "copy_", "__getitem__", "__setitem__", "__set__", "__deepcopy__"}


class Device(TorchFunctionMode):
    """Remembers which tensors are on the device; raises what PyTorch raises where MPS cannot."""

    def __init__(self) -> None:
        super().__init__()
        self.tensors, self.known = WeakIdKeyDictionary(), set()
        self.known_backward = 0  # how many functions were known when gradients were last looked at

    def __torch_function__(self, func: Callable, types: Any, args: Any = (), kwargs: Any = None):
        kwargs = kwargs or {}
        if func is torch.device:
            return func(*args, **kwargs)
        given = list(tensors([args, kwargs]))
        mine = [t for t in given if t in self.tensors]
        if func == torch.Tensor.device.__get__:
            return MPS if mine else func(*args, **kwargs)
        asked = [*args, *kwargs.values()]
        arrives, leaves = any(map(is_mps, asked)), func.__name__ == "cpu" or any(map(is_cpu, asked))
        self.refuse(func.__name__, given, mine, arrives, kwargs)
        with Operators() if mine and self.is_new(func) else nullcontext():
            result = func(*map(swapped, args), **{k: swapped(v) for k, v in kwargs.items()})
        if leaves or not (mine or arrives):
            return self.off(result) if leaves else result
        return self.on(result, args if arrives else ())

    def is_new(self, func: Callable) -> bool:
        """Whether to look at what a function computes: once, and gradients once more after that."""
        before = self.known_backward if func.__name__ in ("backward", "grad") else len(self.known)
        self.known.add(func)
        if func.__name__ in ("backward", "grad"):
            self.known_backward = len(self.known)
        return len(self.known) > before

    def refuse(self, name: str, given: list, mine: list, arrives: bool, kwargs: dict) -> None:
        if mine and name in ("numpy", "__array__"):
            raise TypeError("can't convert mps:0 device type tensor to numpy: use .cpu() first")
        foreign = [t for t in given if t not in self.tensors and t.dim()]
        if mine and foreign and name not in ACROSS:
            raise RuntimeError(f"{name}: tensors on mps:0 and cpu, expected all on one device")
        if arrives and kwargs.get("generator") is not None:
            raise RuntimeError("Expected a 'mps' device type for generator but found 'cpu'")

    def on(self, result: Any, before: Any) -> Any:
        """What came of it, on the device."""
        if any(result is t for t in before if t not in self.tensors):  # .to() of a tensor elsewhere
            result = view(result)
        for t in tensors(result):
            if t.dtype in DOUBLE:
                raise TypeError(f"Cannot convert a MPS Tensor to {t.dtype}: MPS has no float64")
            self.tensors[t] = True
        return result

    def off(self, result: Any) -> Any:
        there = isinstance(result, torch.Tensor) and result in self.tensors
        return view(result) if there else result

    def module_to(self, module: torch.nn.Module, *args: Any, **kwargs: Any) -> torch.nn.Module:
        """In place of Module.to, whose parameters stay the objects that an optimizer holds."""
        asked = [*args, *kwargs.values()]
        for t in [*module.parameters(), *module.buffers()]:
            if any(map(is_mps, asked)):
                self.on(t, ())
            elif any(map(is_cpu, asked)):
                self.tensors.pop(t, None)
        kept = [a for a in args if not is_mps(a) and not is_cpu(a)]
        return MODULE_TO(module, *kept) if kept else module


class Operators(TorchDispatchMode):
    """Raises where an operator has no version for MPS."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name, overload = func._schema.name.removeprefix("aten::"), func._schema.overload_name
        if f"{name}.{overload}".strip(".") in LACKING and not WAYS_OF_THE_CPU.match(name):
            raise NotImplementedError(f"The operator 'aten::{name}' is not implemented for MPS")
        return func(*args, **(kwargs or {}))


MODULE_TO, PARAMETER = torch.nn.Module.to, torch.nn.Parameter.__new__


def lacking() -> set[str]:
    """Operators without a version for MPS, by the table that PyTorch is built from."""
    table = Path(torchgen.__file__).parent / "packaged/ATen/native/native_functions.yaml"
    entries = re.split(r"^- func: ", table.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    texts = {entry.split("(")[0]: entry for entry in entries}
    delegates = {n: re.search(r"structured_delegate: (\S+)", e) for n, e in texts.items()}
    return {
        name
        for name, entry in texts.items()
        if "dispatch:" in (whole := texts[found[1]] if (found := delegates[name]) else entry)
        and not re.search(r"MPS|Composite", whole)
    }


LACKING = lacking()


def is_mps(x: Any) -> bool:
    return kind(x) == "mps"


def is_cpu(x: Any) -> bool:
    return kind(x) == "cpu"


def kind(x: Any) -> str:
    """What kind of device something names, if it does."""
    return x.type if isinstance(x, torch.device) else x.split(":")[0] if isinstance(x, str) else ""


def swapped(x: Any) -> Any:
    return CPU if is_mps(x) else x


def view(t: torch.Tensor) -> torch.Tensor:
    """The same numbers as another object, for elsewhere."""
    with torch._C.DisableTorchFunction():
        return t.view_as(t)


def tensors(x: Any) -> Iterator[torch.Tensor]:
    if isinstance(x, torch.Tensor):
        yield x
    elif isinstance(x, list | tuple | dict):
        for part in x.values() if isinstance(x, dict) else x:
            yield from tensors(part)


def pretend() -> Device:
    """A device that PyTorch takes for present; nothing is there outside of `with`."""
    device = Device()

    def parameter(cls: type, data: Any = None, requires_grad: bool = True) -> torch.Tensor:
        made = PARAMETER(cls, data, requires_grad)
        return device.on(made, ()) if data is not None and data in device.tensors else made

    torch.backends.mps.is_available = lambda: True
    torch.nn.Module.to = lambda *args, **kwargs: device.module_to(*args, **kwargs)
    torch.nn.Module.cpu = lambda module: module.to("cpu")
    torch.nn.Parameter.__new__ = parameter
    return device


def run(source: Path, device: Device) -> None:
    """Run the code cells of a solved lesson, except those that judge numbers of a full run."""
    space = {"__name__": "__main__", "display": lambda *things, **options: None}
    with device:
        for number, cell in enumerate(read(source)):
            if cell.kind == "code" and not {"setup", "solved"} & set(cell.tags):
                exec(compile(cell.solved, f"{source.stem}, cell {number}", "exec"), space)
