"""Fingerprints: short texts that tell whether a tokenizer, a text or a model is the same as before.

A model file holds the one of its tokenizer, a checkpoint those of all that it was trained with. What can't be
compared (an object with a state of its own) counts by its name only. It does not know files.
"""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Any

import torch
from torch import nn

from course_lib.arguments import check_instance, is_whole, shown

# What a module keeps for itself, or what changes while it is used.
_PASSING = {"training", "tokenizer_fingerprint", "_is_full_backward_hook"}


def tokenizer_fingerprint(tokenizer: Any) -> str:
    """The fingerprint of a tokenizer: all of its tokens in their order, and how it cuts and joins text.

    Raises: ValueError for anything but a tokenizer of the course.

    >>> from course_lib.tokens import CharTokenizer
    >>> ours, other = CharTokenizer.train("abc"), CharTokenizer.train("abd")
    >>> tokenizer_fingerprint(ours) == tokenizer_fingerprint(other)
    False
    """
    if not _is_tokenizer(tokenizer):
        raise ValueError(f"Got {shown(tokenizer)} as a tokenizer; give one of course_lib.tokens.")
    parts = [tokenizer.token_bytes(id) for id in range(tokenizer.vocab_size)]
    parts += [f"{name}={id}".encode() for name, id in sorted(tokenizer.special_tokens.items())]
    parts += [b"%b %b" % (left.hex().encode(), right.hex().encode()) for left, right in _merges(tokenizer)]
    parts += [type(tokenizer).__name__.encode(), getattr(tokenizer, "pattern", "").encode()]
    changes = tokenizer.rules.changes() if hasattr(tokenizer, "rules") else {}
    return _digest([*parts, *(f"{name}={value}".encode() for name, value in changes.items())])


def _is_tokenizer(value: Any) -> bool:
    return all(hasattr(value, name) for name in ("token_bytes", "vocab_size", "special_tokens", "encode"))


def _merges(tokenizer: Any) -> list[tuple[bytes, bytes]]:
    return getattr(tokenizer, "merges", [])


def data_fingerprint(data: Any) -> str:
    """The fingerprint of what is trained on: a line of ids, ready batches, or a function that draws them.

    >>> data_fingerprint(torch.tensor([1, 2])) == data_fingerprint(torch.tensor([1, 3]))
    False
    """
    return _digest(_described(data, 0))


def _described(value: Any, depth: int) -> list[bytes]:
    """What can be known of a value without calling it, as bytes."""
    kind = [type(value).__qualname__.encode()]
    if depth > 8:
        return kind
    if isinstance(value, torch.Tensor):
        return [str(tuple(value.shape)).encode(), _bytes(value)]
    if value is None or isinstance(value, str | bytes | bool | int | float):
        return [*kind, repr(value).encode()]
    if isinstance(value, list | tuple):
        return [*kind, *(part for item in value for part in _described(item, depth + 1))]
    if _is_tokenizer(value):
        return [tokenizer_fingerprint(value).encode()]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = [(f.name, getattr(value, f.name)) for f in dataclasses.fields(value)]
        return [*kind, *(part for name, v in fields for part in (name.encode(), *_described(v, depth + 1)))]
    if hasattr(value, "__func__"):  # a method
        return [*_described(value.__func__, depth + 1), *_described(value.__self__, depth + 1)]
    if hasattr(value, "__code__"):
        return _function(value, depth)
    return kind


def _function(function: Any, depth: int) -> list[bytes]:
    """A function: its code, and of what it reaches outside of itself what doesn't change by being used."""
    code = function.__code__
    reached = [cell.cell_contents for cell in function.__closure__ or () if _filled(cell)]
    reached += [function.__globals__.get(name) for name in code.co_names]
    lasting = [value for value in reached if _lasts(value)]
    constants = [repr(value).encode() for value in code.co_consts if isinstance(value, str | int | float)]
    parts = [function.__qualname__.encode(), repr(code.co_names).encode(), *constants]
    return [*parts, *(part for value in lasting for part in _described(value, depth + 1))]


def _filled(cell: Any) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False


def _lasts(value: Any) -> bool:
    if isinstance(value, torch.Tensor):
        return is_whole(value)  # ids; floats may be weights
    frozen = dataclasses.is_dataclass(value) and getattr(type(value), "__dataclass_params__", None)
    return isinstance(value, str) or _is_tokenizer(value) or bool(frozen and frozen.frozen)


def _bytes(tensor: torch.Tensor) -> bytes:
    whole = tensor.detach().cpu()
    whole = whole.long() if is_whole(whole) else whole.double()  # the same numbers, however they are stored
    return hashlib.sha256(whole.contiguous().numpy()).digest()


def model_description(model: nn.Module) -> dict[str, Any]:
    """What a model is, beside the names and shapes of its weights: its configuration and its parts' settings.

    >>> a, b = model_description(nn.Dropout(0.1)), model_description(nn.Dropout(0.2))
    >>> a["config"], a["parts"] == b["parts"]
    (None, False)
    """
    check_instance("model_description", "model", model, nn.Module, "a module of torch, such as a GPT")
    config = getattr(model, "config", None)
    values = dataclasses.asdict(config) if dataclasses.is_dataclass(config) else None
    parts = []
    for name, module in model.named_modules():
        settings = {key: value for key, value in vars(module).items() if _is_setting(key, value)}
        parts.append(f"{name} {type(module).__qualname__} {sorted(settings.items())}".encode())
    return {"config": values, "parts": _digest(parts)}


def _is_setting(key: str, value: Any) -> bool:
    simple = isinstance(value, str | bool | int | float)
    several = isinstance(value, tuple) and all(isinstance(item, str | bool | int | float) for item in value)
    return (simple or several) and key not in _PASSING


def optimizer_description(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """What an optimizer is: its class, and of each group its settings and whose weights it steps.

    What only says where or how fast it computes is left out, and so is the rate, which a schedule moves.

    >>> layer = nn.Linear(2, 3)
    >>> about = optimizer_description(layer, torch.optim.SGD(layer.parameters(), lr=0.1, momentum=0.9))
    >>> about["name"], about["groups"][0]["momentum"], about["groups"][0]["weights"]
    ('torch.optim.sgd.SGD', 0.9, ['weight', 'bias'])
    """
    check_instance("optimizer_description", "model", model, nn.Module, "a module of torch, such as a GPT")
    needed = "an optimizer, such as AdamW(model.parameters())"
    check_instance("optimizer_description", "optimizer", optimizer, torch.optim.Optimizer, needed)
    names = {id(weight): name for name, weight in model.named_parameters()}
    kind = type(optimizer)
    groups = [
        {
            **{key: value for key, value in group.items() if key not in _FREE},
            "weights": [names.get(id(weight), "") for weight in group["params"]],
        }
        for group in optimizer.param_groups
    ]
    return {"name": f"{kind.__module__}.{kind.__qualname__}", "groups": groups}


_FREE = {"params", "lr", "fused", "foreach", "capturable", "differentiable"}


def _digest(parts: list[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "little") + part)
    return digest.hexdigest()
