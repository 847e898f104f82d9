"""Values as the checks see them: what is an array, how to write a value down, how to keep a copy of it.

NumPy and torch are looked up only among what is loaded already, so that an exercise in plain Python needs
neither. It does not know about exercises or what is right.
"""

from __future__ import annotations

import contextlib
import copy
import io
import sys
import warnings
from collections.abc import Iterator
from typing import Any

from course_lib.exercises._run import attempt_text, plain


def show_value(value: Any, limit: int = 200) -> str:
    """A short, stable text for any value: what a person would type, where that is possible.

    >>> show_value({"a": 1}), show_value((1, 0.1 + 0.2))
    ("{'a': 1}", '(1, 0.3)')
    """
    if is_array(value):
        small = value.size if not is_tensor(value) else value.numel()
        name = "tensor" if is_tensor(value) else "array"
        if small > 12:
            return f"{name} of shape {tuple(value.shape)}"
        return f"{name}({_rounded(as_numpy(value).tolist(), 4)})"
    if isinstance(value, set | frozenset):
        # The order of a set of strings differs from run to run.
        value_text = "{" + ", ".join(sorted(show_value(item) for item in value)) + "}" if value else "set()"
        return value_text if len(value_text) <= limit else value_text[:limit] + "..."
    if isinstance(value, type) or callable(value):
        name, worked = attempt_text(lambda: str(value.__name__))
        return name if worked else type(value).__name__
    return plain(attempt_text(lambda: repr(_rounded(value, 7)), limit)[0])


def _rounded(value: Any, digits: int) -> Any:
    """The same with so many significant digits in its numbers, in lists and tuples too."""
    if type(value) in (list, tuple):
        return type(value)(_rounded(item, digits) for item in value)
    return float(f"{value:.{digits}g}") if type(value) is float else value


def is_tensor(value: Any) -> bool:
    """Whether `value` is a torch tensor, asked without importing torch."""
    torch = sys.modules.get("torch")
    return torch is not None and hasattr(torch, "Tensor") and isinstance(value, torch.Tensor)


def is_array(value: Any) -> bool:
    """Whether `value` is a torch tensor, a NumPy array or a NumPy number."""
    numpy = sys.modules.get("numpy")
    return is_tensor(value) or (numpy is not None and isinstance(value, numpy.ndarray | numpy.generic))


def is_float_tensor(value: Any) -> bool:
    """Whether `value` is a torch tensor of floating-point numbers."""
    return is_tensor(value) and value.is_floating_point()


def is_module(value: Any) -> bool:
    """Whether `value` is a torch module: a layer or a model."""
    torch = sys.modules.get("torch")
    return torch is not None and hasattr(torch, "nn") and isinstance(value, torch.nn.Module)


def as_numpy(value: Any) -> Any:
    """`value` as a NumPy array, or None where that makes no sense (text, ragged lists)."""
    import numpy as np

    if is_tensor(value):
        tensor = value.detach().cpu()
        is_half = tensor.dtype in (sys.modules["torch"].bfloat16, sys.modules["torch"].float16)
        return (tensor.float() if is_half else tensor).resolve_conj().resolve_neg().numpy()
    if isinstance(value, str | bytes) or value is None:
        return None
    try:
        array = np.asarray(value)
    except ValueError:
        return None
    return array if array.dtype.kind in "biufc" else None


def snapshot(value: Any) -> Any:
    """A copy that stays as it is whatever happens to `value`; tensors keep `requires_grad` only if they are
    leaves.

    >>> box = [1]; copy_of_box = snapshot(box); box.append(2); copy_of_box
    [1]
    """
    if is_tensor(value):
        return _tensor_copy(value)
    if type(value) in (list, tuple):
        return type(value)(snapshot(item) for item in value)
    if type(value) is dict:
        return {key: snapshot(item) for key, item in value.items()}
    try:
        return copy.deepcopy(value)
    except Exception:  # noqa: BLE001 - what cannot be copied (a file, a generator) is passed as it is
        return value


def _tensor_copy(tensor: Any) -> Any:
    plain_tensor = tensor.detach()
    # `clone` puts the numbers of a slice in order; a deep copy leaves the gaps, which `view` trips over.
    fresh = plain_tensor.clone() if plain_tensor.is_contiguous() else copy.deepcopy(plain_tensor)
    return fresh.requires_grad_() if tensor.requires_grad and tensor.is_leaf else fresh


# Quiet ------------------------------------------------------------------------------------------------------


class _Nowhere(io.TextIOBase):
    def write(self, text: str) -> int:
        return len(text)


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Without prints and warnings: a call that is made once more says nothing new."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(_Nowhere()):
        warnings.simplefilter("ignore")
        yield


@contextlib.contextmanager
def warnings_only() -> Iterator[None]:
    """Where warnings count as errors: not those of an answer, which is no wrong one for a warning."""
    with warnings.catch_warnings():
        kept = [entry for entry in warnings.filters if entry[0] != "error"]
        warnings.resetwarnings()
        warnings.filters[:] = kept
        yield
