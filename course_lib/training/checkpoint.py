"""Models and trainings on disk: one safetensors file each, never pickle, written whole or not at all.

A *model file* holds the weights of a GPT and its configuration: what you share. A *checkpoint* holds all that
a training needs to go on as if it had never stopped: weights, optimizer, random states, progress. Every file
carries a checksum, so damage is noticed and said in one sentence. This module does not know how to train.

Source: the format is described at https://huggingface.co/docs/safetensors.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from course_lib.config import GPTConfig
from course_lib.runtime import atomic_write
from course_lib.training.evaluation import device_of

if TYPE_CHECKING:
    from course_lib.model import GPT


class CheckpointError(ValueError):
    """A file that cannot be used, with a sentence that says why and what to do.

    >>> try:
    ...     load_model("no_such_file.safetensors")
    ... except CheckpointError as problem:
    ...     print(problem)
    There is no file no_such_file.safetensors; check the path, or train a model and save it there.
    """


# Files: tensors, and a JSON text about them -------------------------------------------------------


def write_file(path: str | Path, tensors: Mapping[str, torch.Tensor], about: Mapping[str, Any]) -> None:
    """Write tensors and a description that fits into JSON, atomically.

    Tensors that share their memory (a tied embedding and output matrix) are stored once.

    >>> import tempfile
    >>> matrix = torch.ones(10, 100)  # 4000 bytes
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "tied.safetensors")
    ...     write_file(path, {"tokens": matrix, "head": matrix}, about={"kind": "demo"})
    ...     4000 < path.stat().st_size < 5000
    True
    """
    from safetensors.torch import save

    stored, same_as = _without_twins(tensors)
    text = json.dumps({**about, "same_as": same_as}, ensure_ascii=False)
    header = {"format": "pt", "about": text, "checksum": _checksum(stored, text)}
    with atomic_write(path, "wb") as file:
        file.write(save(stored, metadata=header))


def read_file(path: str | Path, kind: str) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Read what `write_file` wrote, on the CPU.

    Raises: CheckpointError for a file that is missing, damaged, made by another program, or of another kind.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "small.safetensors")
    ...     write_file(path, {"bias": torch.tensor([1, 2, 3])}, about={"kind": "demo", "steps": 40})
    ...     read_file(path, kind="demo")
    ({'bias': tensor([1, 2, 3])}, {'kind': 'demo', 'steps': 40})
    """
    tensors, header = _open(Path(path))
    if "about" not in header:
        raise CheckpointError(
            f"{path} was made by another program (it has no description of ours); see course_lib.interop."
        )
    if header.get("checksum") != _checksum(tensors, header["about"]):
        raise CheckpointError(
            f"{path} is damaged (its checksum does not match); make it again or take another copy."
        )
    about = json.loads(header["about"])
    if about.get("kind") != kind:
        raise CheckpointError(
            f"{path} is a {about.get('kind', 'file of an unknown kind')}, but a {kind} is needed here."
        )
    for twin, original in about.pop("same_as").items():
        tensors[twin] = tensors[original]
    return tensors, about


def _open(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise CheckpointError(
            f"There is no file {path}; check the path, or train a model and save it there."
        ) from None
    except OSError as problem:
        raise CheckpointError(f"{path} cannot be read: {problem.strerror}.") from None
    try:
        tensors = load(raw)
        size = int.from_bytes(raw[:8], "little")
        return tensors, json.loads(raw[8 : 8 + size]).get("__metadata__", {})
    except (SafetensorError, ValueError, KeyError):
        raise CheckpointError(
            f"{path} is not a whole safetensors file ({len(raw):,} bytes: damaged, cut short or another "
            "format); make it again or take another copy."
        ) from None


def _without_twins(tensors: Mapping[str, torch.Tensor]) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Split into the tensors to store and, for those that are the same memory, the name of the stored one."""
    stored: dict[str, torch.Tensor] = {}
    same_as: dict[str, str] = {}
    first: dict[tuple[Any, ...], str] = {}
    for name, tensor in tensors.items():
        where = (tensor.device, tensor.data_ptr(), tensor.shape, tensor.stride(), tensor.dtype)
        if tensor.numel() and where in first:
            same_as[name] = first[where]
        else:
            first[where] = name
            stored[name] = tensor.detach().cpu().contiguous()
            if stored[name].untyped_storage().nbytes() != stored[name].nbytes:  # a part of a larger tensor
                stored[name] = stored[name].clone()
    return stored, same_as


def _checksum(tensors: Mapping[str, torch.Tensor], text: str) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


# Models -------------------------------------------------------------------------------------------


def save_model(
    path: str | Path,
    model: GPT,
    dtype: torch.dtype | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> None:
    """Write a GPT's weights and configuration to one file.

    `dtype=torch.float16` halves the file; `metadata` (anything that fits into JSON: recipe, scores) travels
    along and is read back by `model_metadata`.

    Raises: ValueError if the model has no `GPTConfig`, or a weight is too large for the wanted dtype.

    >>> import tempfile
    >>> from course_lib.model import GPT
    >>> model = GPT(GPTConfig(vocab_size=7, context_length=5, n_layers=1, n_heads=2, width=6))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_model(Path(folder, "model.safetensors"), model, dtype=torch.float16)
    ...     read_file(Path(folder, "model.safetensors"), "model")[0]["tokens.weight"].dtype
    torch.float16
    """
    config = getattr(model, "config", None)
    if not isinstance(config, GPTConfig):
        raise ValueError(
            f"save_model got a {type(model).__name__} without a GPTConfig as its .config; it saves GPTs."
        )
    weights: dict[str, torch.Tensor] = {}
    converted: dict[tuple[Any, ...], torch.Tensor] = {}  # tied weights stay one tensor
    for name, weight in model.state_dict().items():
        weights[name] = converted.setdefault(
            (weight.data_ptr(), weight.shape), _converted(name, weight, dtype)
        )
    write_file(path, weights, {"kind": "model", "config": config.to_dict(), "metadata": dict(metadata or {})})


def _converted(name: str, weight: torch.Tensor, dtype: torch.dtype | None) -> torch.Tensor:
    if dtype is None or not weight.is_floating_point():
        return weight
    converted = weight.to(dtype)
    if weight.isfinite().all() and not converted.isfinite().all():
        raise ValueError(
            f"The weight {name} reaches {weight.abs().max():.3g}, too large for {dtype}; save it as float32."
        )
    return converted


def load_model(
    path: str | Path, device: torch.device | str | None = None, dtype: torch.dtype = torch.float32
) -> GPT:
    """Read a GPT from a file that `save_model` wrote; weights are float32 unless `dtype` says otherwise.

    Raises: CheckpointError (a ValueError) with one sentence for a missing, damaged or foreign file.

    >>> import tempfile
    >>> from course_lib.model import GPT
    >>> model = GPT(GPTConfig(vocab_size=7, context_length=5, n_layers=1, n_heads=2, width=6))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_model(Path(folder, "model.safetensors"), model)
    ...     same = load_model(Path(folder, "model.safetensors"))
    >>> same.config == model.config, torch.equal(same.tokens.weight, model.tokens.weight)
    (True, True)
    """
    from course_lib.model import GPT

    weights, about = read_file(path, "model")
    try:
        model = GPT(GPTConfig.from_dict(about["config"]))
    except (ValueError, TypeError, KeyError) as problem:
        raise CheckpointError(
            f"{path} holds a configuration that this version does not know: {problem}"
        ) from None
    _check_names(path, model, weights)
    model.load_state_dict(weights)
    return model.to(device=device, dtype=dtype)


def model_metadata(path: str | Path) -> dict[str, Any]:
    """The metadata that `save_model` stored: recipe, scores, whatever was given.

    Raises: CheckpointError as in `load_model`.

    >>> import tempfile
    >>> from course_lib.model import GPT
    >>> model = GPT(GPTConfig(vocab_size=7, context_length=5, n_layers=1, n_heads=2, width=6))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_model(Path(folder, "model.safetensors"), model, metadata={"steps": 40, "loss": 1.5})
    ...     model_metadata(Path(folder, "model.safetensors"))
    {'steps': 40, 'loss': 1.5}
    """
    return read_file(path, "model")[1]["metadata"]


def _check_names(path: str | Path, model: nn.Module, weights: Mapping[str, torch.Tensor]) -> None:
    wanted = {name: tuple(weight.shape) for name, weight in model.state_dict().items()}
    found = {name: tuple(weight.shape) for name, weight in weights.items()}
    for name in sorted(wanted.keys() | found.keys()):
        if wanted.get(name) != found.get(name):
            raise CheckpointError(
                f"{path} does not fit this model: {name} is {_shape(found.get(name))} in the file and "
                f"{_shape(wanted.get(name))} in the model; use the configuration it was made with."
            )


def _shape(shape: tuple[int, ...] | None) -> str:
    return "missing" if shape is None else "x".join(map(str, shape)) or "a number"


# Trainings ----------------------------------------------------------------------------------------


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
    tensors = {f"model/{name}": weight for name, weight in model.state_dict().items()}
    optimizer_tensors, optimizer_rest = _take_apart(optimizer.state_dict())
    tensors |= optimizer_tensors
    tensors |= {f"random/{name}": state for name, state in _random_states(model).items()}
    tensors["random/batches"] = generator.get_state()
    write_file(path, tensors, {"kind": "checkpoint", "optimizer": optimizer_rest, "progress": dict(progress)})


def load_checkpoint(
    path: str | Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    generator: torch.Generator,
    check: Callable[[dict[str, Any]], None] | None = None,
) -> dict[str, Any]:
    """Put a saved training back into its parts and torch's random state; returns `progress`.

    `check` may look at `progress` first and raise.

    Raises: CheckpointError if the file is missing, damaged, or of another model or optimizer; nothing has
    been changed then.

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
    tensors, about = read_file(path, "checkpoint")
    weights = {name.removeprefix("model/"): t for name, t in tensors.items() if name.startswith("model/")}
    _check_names(path, model, weights)
    if check is not None:
        check(about["progress"])
    state = _put_together(tensors, about["optimizer"])
    try:
        optimizer.load_state_dict(state)
    except (ValueError, KeyError) as problem:
        raise CheckpointError(
            f"{path} was made with another optimizer ({problem}); use the same one to resume."
        ) from None
    model.load_state_dict(weights)
    generator.set_state(tensors["random/batches"])
    _restore_random_states(model, tensors)
    return about["progress"]


def _take_apart(state: Mapping[str, Any]) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Split an optimizer's state into tensors, `optimizer/<parameter>/<key>`, and what fits into JSON."""
    tensors: dict[str, torch.Tensor] = {}
    numbers: dict[str, dict[str, Any]] = {}
    for index, entries in state["state"].items():
        for key, value in entries.items():
            if isinstance(value, torch.Tensor):
                tensors[f"optimizer/{index}/{key}"] = value
            else:
                numbers.setdefault(str(index), {})[key] = value
    return tensors, {"param_groups": state["param_groups"], "numbers": numbers}


def _put_together(tensors: Mapping[str, torch.Tensor], rest: Mapping[str, Any]) -> dict[str, Any]:
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


def _random_states(model: nn.Module) -> dict[str, torch.Tensor]:
    """The states that dropout draws from, of the CPU and of the device the model is on."""
    states, device = {"cpu": torch.get_rng_state()}, device_of(model)
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    elif device.type == "mps":
        states["mps"] = torch.mps.get_rng_state()
    return states


def _restore_random_states(model: nn.Module, tensors: Mapping[str, torch.Tensor]) -> None:
    torch.set_rng_state(tensors["random/cpu"])
    device = device_of(model)
    if device.type == "cuda" and "random/cuda" in tensors:
        torch.cuda.set_rng_state(tensors["random/cuda"], device)
    elif device.type == "mps" and "random/mps" in tensors:
        torch.mps.set_rng_state(tensors["random/mps"])
