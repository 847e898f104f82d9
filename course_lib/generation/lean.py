"""Modules without their bookkeeping, for the thousands of small steps in which a text is written.

Calling an `nn.Module` takes some microseconds beyond what it computes: it looks for hooks, and it searches
for its weights and parts. In a small model, that is a third of the time that a token takes. `lean` makes a
twin that has the same parts and calls `forward` straight away. This module does not know any model.
"""

from __future__ import annotations

from typing import Any

from torch import nn

from course_lib.arguments import check_instance

KNOWN = ("torch.nn.modules.", "course_lib.")  # whose classes compute the same however they are called


def lean(module: nn.Module) -> nn.Module:
    """A twin that computes the same in less time. It shares the weights, and everything else as it is now.

    Parts that have hooks, or whose class is neither torch's nor the course's, stay as they are.

    >>> layer = nn.Linear(2, 3)
    >>> twin = lean(layer)
    >>> twin.weight is layer.weight, isinstance(twin, nn.Linear)
    (True, True)
    """
    check_instance("lean", "module", module, nn.Module, "a module, such as a GPT")
    return _twin(module, {})


def _twin(module: nn.Module, classes: dict[type, type]) -> nn.Module:
    kind = type(module)
    changed = module._forward_hooks or module._forward_pre_hooks or "forward" in module.__dict__
    if changed or not kind.__module__.startswith(KNOWN):
        return module
    if kind not in classes:
        classes[kind] = type(kind.__name__, (kind,), {"__call__": kind.forward})
    parts: dict[str, Any] = {
        name: part if part is None else _twin(part, classes) for name, part in module._modules.items()
    }
    twin = object.__new__(classes[kind])
    # Weights, buffers and parts become ordinary attributes, which Python finds without a search.
    for names in (module.__dict__, module._buffers, module._parameters, parts, {"_modules": parts}):
        twin.__dict__.update(names)
    return twin
