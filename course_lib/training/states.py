"""The state of an optimizer, taken apart for a file, put together again, and looked at before it is used.

An optimizer reads what it remembers in one sweep over memory, so a state of another shape would end the
program. It does not know which optimizer it is.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from course_lib.training.files import misshapen

Shapes = dict[int, dict[str, tuple[int, ...] | None]]  # of what is kept for each weight; None for a number


def take_apart(state: Mapping[str, Any]) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Split an optimizer's state into tensors, `optimizer/<parameter>/<key>`, and what fits into JSON.

    >>> tensors, rest = take_apart({"state": {0: {"step": torch.tensor(3.0), "n": 2}}, "param_groups": []})
    >>> tensors, rest
    ({'optimizer/0/step': tensor(3.)}, {'param_groups': [], 'numbers': {'0': {'n': 2}}})
    """
    tensors: dict[str, torch.Tensor] = {}
    numbers: dict[str, dict[str, Any]] = {}
    for index, entries in state["state"].items():
        for key, value in entries.items():
            if isinstance(value, torch.Tensor):
                tensors[f"optimizer/{index}/{key}"] = value
            else:
                numbers.setdefault(str(index), {})[key] = value
    return tensors, {"param_groups": state["param_groups"], "numbers": numbers}


def put_together(tensors: Mapping[str, torch.Tensor], rest: Mapping[str, Any]) -> dict[str, Any]:
    """The state that `take_apart` was given.

    Raises: KeyError, TypeError or ValueError for anything else.

    >>> rest = {"param_groups": [], "numbers": {"0": {"n": 2}}}
    >>> put_together({"optimizer/0/step": torch.tensor(3.0)}, rest)
    {'state': {0: {'n': 2, 'step': tensor(3.)}}, 'param_groups': []}
    """
    state: dict[int, dict[str, Any]] = {
        int(index): dict(entries) for index, entries in rest["numbers"].items()
    }
    for name, tensor in tensors.items():
        if name.startswith("optimizer/"):
            _, index, key = name.split("/", 2)
            state.setdefault(int(index), {})[key] = tensor.clone()  # not a window into the whole file
    return {"state": state, "param_groups": [_with_tuples(group) for group in rest["param_groups"]]}


def _with_tuples(group: Mapping[str, Any]) -> dict[str, Any]:
    """JSON knows only lists; settings like betas were tuples."""
    return {key: tuple(v) if isinstance(v, list) and key != "params" else v for key, v in group.items()}


def check_states(path: str | Path, optimizer: torch.optim.Optimizer, state: Mapping[str, Any]) -> None:
    """Raises CheckpointError unless a state is what this optimizer keeps for its weights.

    >>> weight = torch.nn.Parameter(torch.ones(3))
    >>> adamw = torch.optim.AdamW([weight])
    >>> kept = {"step": torch.tensor(1.0), "exp_avg": torch.ones(2), "exp_avg_sq": torch.ones(3)}
    >>> check_states("run.ckpt", adamw, {**adamw.state_dict(), "state": {0: kept}})  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    course_lib.training.files.CheckpointError: run.ckpt can't be used: ...
    """
    own = optimizer.state_dict()["param_groups"]
    saved = state["param_groups"]
    if [group.get("params") for group in saved] != [group["params"] for group in own]:
        raise misshapen(path, "it was made with another optimizer, of other groups of weights")
    if any(group.keys() - other.keys() for group, other in zip(own, saved, strict=True)):
        raise misshapen(path, "a setting of its optimizer is missing")
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    wanted = _shapes_after_a_step(optimizer)
    for index, kept in state["state"].items():
        if not 0 <= index < len(weights):
            raise misshapen(path, f"its optimizer remembers weight {index}, which there is not")
        _check_one(path, index, kept, weights[index], wanted)


def _check_one(
    path: str | Path, index: int, kept: Mapping[str, Any], weight: torch.Tensor, wanted: Shapes | None
) -> None:
    found = {key: tuple(v.shape) if isinstance(v, torch.Tensor) else None for key, v in kept.items()}
    if wanted is not None and index in wanted:
        good = found == wanted[index]
    else:  # an optimizer that can't be tried: each axis must be the weight's, or of one
        good = all(_stretches(shape or (), tuple(weight.shape)) for shape in found.values())
    floats = all(v.is_floating_point() for v in kept.values() if isinstance(v, torch.Tensor))
    if not good or not floats:
        raise misshapen(
            path, f"it was made with another optimizer: what it remembers of weight {index} is {found}"
        )


def _stretches(shape: tuple[int, ...], whole: tuple[int, ...]) -> bool:
    axes = [axis in (1, there) for axis, there in zip(shape[::-1], whole[::-1], strict=False)]
    return len(shape) <= max(1, len(whole)) and all(axes)


def _shapes_after_a_step(optimizer: torch.optim.Optimizer) -> Shapes | None:
    """What an optimizer keeps, found by letting a copy of it step hollow weights; None if it can't."""
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    hollow = {id(weight): torch.empty_like(weight, device="meta").requires_grad_() for weight in weights}
    try:
        twin = copy.deepcopy(optimizer, dict(hollow))
        twin.state.clear()
        for group in twin.param_groups:
            group.update({key: False for key in ("fused", "foreach") if key in group})
        for weight in hollow.values():
            weight.grad = torch.empty_like(weight)
        twin.step()
        kept = twin.state_dict()["state"]
    except Exception:  # noqa: BLE001 - an optimizer of somebody's own may want anything
        return None
    return {
        index: {key: tuple(v.shape) if isinstance(v, torch.Tensor) else None for key, v in entries.items()}
        for index, entries in kept.items()
    }
