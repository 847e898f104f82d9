"""Checkpoints: all that a training needs to go on as if it had never stopped, in one file.

Weights, optimizer, random states and progress, and what model and optimizer they belong to. What does not fit
is refused before anything is changed. This module does not know how to train.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from course_lib.arguments import check_function, check_instance
from course_lib.files import as_path
from course_lib.training.evaluation import device_of
from course_lib.training.files import CheckpointError, in_words, misshapen, read_file, write_file
from course_lib.training.fingerprints import model_description, optimizer_description
from course_lib.training.model_files import load_model, model_metadata, save_model
from course_lib.training.states import check_states, put_together, take_apart

__all__ = [
    "CheckpointError",
    "load_checkpoint",
    "load_model",
    "model_metadata",
    "read_file",
    "save_checkpoint",
    "save_model",
    "write_file",
]


def save_checkpoint(
    path: str | Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    generator: torch.Generator,
    progress: Mapping[str, Any],
) -> None:
    """Write everything a training needs to go on exactly: weights, optimizer, random states, and `progress`.

    `generator` is the one that picks the batches: its state is the data order still to come. `progress` is
    anything that fits into JSON.

    >>> import tempfile
    >>> layer = nn.Linear(2, 3)
    >>> optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)  # which keeps nothing but its settings
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "run.ckpt")
    ...     save_checkpoint(path, layer, optimizer, torch.Generator(), progress={"step": 40})
    ...     sorted(read_file(path, "checkpoint")[0])
    ['model/bias', 'model/weight', 'random/batches', 'random/cpu']
    """
    _check_parts("save_checkpoint", model, optimizer, generator)
    check_instance("save_checkpoint", "progress", progress, Mapping, "a dict, such as {'step': 40}")
    tensors = {f"model/{name}": weight for name, weight in model.state_dict().items()}
    optimizer_tensors, optimizer_rest = take_apart(optimizer.state_dict())
    tensors |= optimizer_tensors
    tensors |= {f"random/{name}": state for name, state in _random_states(model).items()}
    tensors["random/batches"] = generator.get_state()
    about = {
        "kind": "checkpoint",
        "optimizer": optimizer_rest,
        "progress": dict(progress),
        "model": model_description(model),
        "stepped_by": optimizer_description(model, optimizer),
    }
    write_file(path, tensors, about)


def _check_parts(owner: str, model: Any, optimizer: Any, generator: Any) -> None:
    check_instance(owner, "model", model, nn.Module, "a module of torch, such as a GPT")
    kind = torch.optim.Optimizer
    check_instance(owner, "optimizer", optimizer, kind, "an optimizer, such as AdamW(model.parameters())")
    check_instance(owner, "generator", generator, torch.Generator, "a torch.Generator, such as seed(0) gives")


def load_checkpoint(
    path: str | Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    generator: torch.Generator,
    check: Callable[[dict[str, Any]], None] | None = None,
) -> dict[str, Any]:
    """Put a saved training back into its parts and torch's random state; returns `progress`.

    `check` may look at `progress` first and raise.

    Raises: CheckpointError if the file is missing, damaged, of another version, or of another model (its
    configuration, dropout and the like included) or optimizer; nothing has been changed then.

    >>> import tempfile
    >>> layer, generator = nn.Linear(2, 3), torch.Generator().manual_seed(0)
    >>> optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "run.ckpt")
    ...     save_checkpoint(path, layer, optimizer, generator, progress={"step": 40})
    ...     drawn = torch.rand(5, generator=generator)
    ...     load_checkpoint(path, layer, optimizer, generator)
    {'step': 40}
    >>> torch.equal(torch.rand(5, generator=generator), drawn)  # the same again
    True
    """
    _check_parts("load_checkpoint", model, optimizer, generator)
    if check is not None:
        check_function("load_checkpoint", "check", check, 1, "a function of the progress, or None")
    saved = _saved_training(path)
    if check is not None:
        check(saved.progress)
    _check_names(path, model, saved.weights)
    _check_model(path, saved.about.get("model"), model_description(model))
    _check_optimizer(path, saved.about.get("stepped_by"), optimizer_description(model, optimizer))
    check_states(path, optimizer, saved.state)
    _check_random_states(path, saved.tensors)
    with _undone_on_failure(model, optimizer, generator):
        optimizer.load_state_dict(saved.state)
        model.load_state_dict(saved.weights)
        generator.set_state(saved.tensors["random/batches"])
        _restore_random_states(model, saved.tensors)
    return saved.progress


@dataclass(frozen=True)
class _Saved:
    """What a checkpoint holds, taken apart and of the right kinds; nothing is compared yet."""

    tensors: dict[str, torch.Tensor]
    about: dict[str, Any]
    weights: dict[str, torch.Tensor]
    state: dict[str, Any]  # the optimizer's
    progress: dict[str, Any]


def _saved_training(path: str | Path) -> _Saved:
    path = as_path(path)
    tensors, about = read_file(path, "checkpoint")
    weights = {name.removeprefix("model/"): t for name, t in tensors.items() if name.startswith("model/")}
    if not isinstance(about.get("progress"), dict):
        raise misshapen(path, "it does not say how far the training was")
    try:
        state = put_together(tensors, about["optimizer"])
    except (KeyError, TypeError, ValueError, AttributeError):
        raise misshapen(path, "its optimizer's state is not of a form that is known") from None
    return _Saved(tensors, about, weights, state, about["progress"])


def _check_names(path: str | Path, model: nn.Module, weights: Mapping[str, torch.Tensor]) -> None:
    own = model.state_dict()
    wanted = {name: tuple(weight.shape) for name, weight in own.items()}
    found = {name: tuple(weight.shape) for name, weight in weights.items()}
    for name in sorted(wanted.keys() | found.keys()):
        if wanted.get(name) != found.get(name):
            raise CheckpointError(
                f"{path} does not fit this model: {name} is {in_words(found.get(name))} in the file and "
                f"{in_words(wanted.get(name))} in the model; use the configuration it was made with."
            )
        if weights[name].dtype != own[name].dtype:
            raise CheckpointError(
                f"{path} does not fit this model: {name} holds {weights[name].dtype} in the file and "
                f"{own[name].dtype} in the model; give the model the number format it was trained in."
            )


def _check_model(path: str | Path, before: Any, now: dict[str, Any]) -> None:
    if before is None:  # written by a version that did not say it
        return
    if not isinstance(before, dict):
        raise misshapen(path, "it does not say of which model it is")
    configs = before.get("config") or {}, now["config"] or {}
    for name in configs[1] if isinstance(configs[0], dict) else ():
        if configs[0].get(name) != configs[1][name]:
            raise CheckpointError(
                f"{path} was trained with a model of {name}={configs[0].get(name)!r}, but now "
                f"{name}={configs[1][name]!r}; resume with the same model, or start afresh with another "
                "checkpoint_path."
            )
    if before != now:
        raise CheckpointError(
            f"{path} was trained with another model: its parts have other settings (dropout, heads, a "
            "function in between); resume with the same model, or start afresh with another checkpoint_path."
        )


def _check_optimizer(path: str | Path, before: Any, now: dict[str, Any]) -> None:
    if before is None:
        return
    try:
        pairs = list(zip(before["groups"], now["groups"], strict=True))
        different = [found for old, new in pairs for found in _differences(old, new)]
    except (KeyError, TypeError, ValueError, AttributeError):
        before, different = {"name": "of another form"}, []
    if before.get("name") != now["name"]:
        raise _another_optimizer(path, f"{before.get('name')}, now {now['name']}")
    if different:
        key, old, new = min(different, key=lambda found: (found[0] == "weights", found[0]))
        told = "it steps other weights" if key == "weights" else f"{key}={old!r}, now {new!r}"
        raise _another_optimizer(path, told)


def _differences(old: dict[str, Any], new: dict[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """The settings of a group that are others now; its first rate counts only if both have one."""
    for key in old.keys() | new.keys():
        counts = key != "initial_lr" or (key in old and key in new)
        if counts and not _same(old.get(key), new.get(key)):
            yield key, old.get(key), new.get(key)


def _another_optimizer(path: str | Path, told: str) -> CheckpointError:
    return CheckpointError(f"{path} was made with another optimizer ({told}); use the same one to resume.")


def _same(saved: Any, now: Any) -> bool:
    """Whether a setting is the one in a file, where tuples have become lists."""
    return saved == (list(now) if isinstance(now, tuple) else now)


@contextlib.contextmanager
def _undone_on_failure(
    model: nn.Module, optimizer: torch.optim.Optimizer, generator: torch.Generator
) -> Iterator[None]:
    """Put all of them back as they were if something goes wrong on the way."""
    weights = {name: weight.clone() for name, weight in model.state_dict().items()}
    state, drawn, everywhere = optimizer.state_dict(), generator.get_state(), torch.get_rng_state()
    try:
        yield
    except BaseException:
        model.load_state_dict(weights)
        optimizer.load_state_dict(state)
        generator.set_state(drawn)
        torch.set_rng_state(everywhere)
        raise


def _random_states(model: nn.Module) -> dict[str, torch.Tensor]:
    """The states that dropout draws from, of the CPU and of the device the model is on."""
    states, device = {"cpu": torch.get_rng_state()}, device_of(model)
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    elif device.type == "mps":
        states["mps"] = torch.mps.get_rng_state()
    return states


def _check_random_states(path: str | Path, tensors: Mapping[str, torch.Tensor]) -> None:
    try:
        for name in ("random/batches", "random/cpu"):
            torch.Generator().set_state(tensors[name])
    except (KeyError, RuntimeError, TypeError):
        raise misshapen(path, "its random states are not of a form that is known") from None


def _restore_random_states(model: nn.Module, tensors: Mapping[str, torch.Tensor]) -> None:
    torch.set_rng_state(tensors["random/cpu"])
    device = device_of(model)
    if device.type == "cuda" and "random/cuda" in tensors:
        torch.cuda.set_rng_state(tensors["random/cuda"], device)
    elif device.type == "mps" and "random/mps" in tensors:
        torch.mps.set_rng_state(tensors["random/mps"])
