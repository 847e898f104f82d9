"""Adapters: LoRA's side paths alone in a file, with the fingerprint of the model that they belong to.

It does not know what was learned, or how.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from course_lib.arguments import check_instance
from course_lib.finetuning.lora import LoRALinear
from course_lib.training.files import CheckpointError, checksum, in_words, misshapen, read_file, write_file

KIND = "adapter"


def weights_fingerprint(model: nn.Module) -> str:
    """The SHA-256 of a model's weights with their names and shapes; side paths are not counted.

    >>> layer = nn.ModuleDict({"up": nn.Linear(3, 5)})
    >>> before = weights_fingerprint(layer)
    >>> layer["up"] = LoRALinear(layer["up"], rank=2)
    >>> weights_fingerprint(layer) == before
    True
    """
    check_instance("weights_fingerprint", "model", model, nn.Module, "a module, such as a GPT")
    paths = _side_paths(model)
    weights = {}
    for name, weight in model.named_parameters():
        layer, _, part = name.rpartition(".")
        if layer in paths:  # a or b
            continue
        if layer.removesuffix(".base") in paths:
            name = f"{layer.removesuffix('.base')}.{part}"
        weights[name] = weight.detach().cpu().contiguous()
    return checksum(weights)


def _side_paths(model: nn.Module) -> dict[str, LoRALinear]:
    return {name: part for name, part in model.named_modules() if isinstance(part, LoRALinear)}


def save_adapter(
    path: str | Path, model: nn.Module, base: str, metadata: Mapping[str, Any] | None = None
) -> None:
    """Write the side paths of a model that `add_lora` gave some, in half precision, and nothing else of it.

    `base` is the name of the model without them, for people; its fingerprint is written along, and `metadata`
    (anything that fits into JSON: recipe, scores), which `adapter_metadata` reads back.

    Raises: ValueError for a model without side paths, and for numbers that are not finite or too large.

    >>> import tempfile
    >>> from course_lib.finetuning import add_lora
    >>> model = add_lora(nn.ModuleDict({"up": nn.Linear(3, 5)}), rank=2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_adapter(Path(folder, "small.safetensors"), model, base="a linear layer")
    ...     sorted(read_file(Path(folder, "small.safetensors"), "adapter")[0])
    ['up.a', 'up.b']
    """
    check_instance("save_adapter", "model", model, nn.Module, "a module, such as a GPT")
    check_instance("save_adapter", "base", base, str, "the name of the model without its side paths")
    check_instance("save_adapter", "metadata", metadata, Mapping | None, "a dict, such as {'steps': 1000}")
    paths = _side_paths(model)
    if not paths:
        raise ValueError("save_adapter got a model without side paths; add_lora gives it some.")
    tensors = {f"{name}.{part}": getattr(path, part).half() for name, path in paths.items() for part in "ab"}
    for name, tensor in tensors.items():
        if not bool(tensor.isfinite().all()):
            raise ValueError(
                f"save_adapter got {name} with numbers that are not finite in half precision; take earlier "
                "weights, or train again with a lower learning rate."
            )
    about = {
        "kind": KIND,
        "base": base,
        "fingerprint": weights_fingerprint(model),
        "scales": {name: path.scale for name, path in paths.items()},
        "metadata": dict(metadata or {}),
    }
    write_file(path, tensors, about)


def adapter_metadata(path: str | Path) -> dict[str, Any]:
    """What was written along with an adapter; `base` and `fingerprint` are those of its model.

    >>> import tempfile
    >>> from course_lib.finetuning import add_lora
    >>> model = add_lora(nn.ModuleDict({"up": nn.Linear(3, 5)}), rank=2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_adapter(Path(folder, "small.safetensors"), model, "a linear layer", {"steps": 40})
    ...     adapter_metadata(Path(folder, "small.safetensors"))["steps"]
    40
    """
    _, about = read_file(path, KIND)
    return {**about.get("metadata", {}), "base": about.get("base"), "fingerprint": about.get("fingerprint")}


def load_adapter(path: str | Path, model: nn.Module) -> nn.Module:
    """Give a model the side paths of a file that `save_adapter` wrote, in place; all of it is frozen then.

    Raises: CheckpointError (a ValueError), in one sentence and before anything is changed, for a file that is
    missing or damaged, and for another model than the one that the adapter was trained on.

    >>> import tempfile
    >>> from course_lib.finetuning import add_lora
    >>> layer, x = nn.Linear(3, 5), torch.ones(3)
    >>> model = add_lora(nn.ModuleDict({"up": layer}), rank=2)
    >>> _ = nn.init.ones_(model["up"].b)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_adapter(Path(folder, "small.safetensors"), model, base="a linear layer")
    ...     again = load_adapter(Path(folder, "small.safetensors"), nn.ModuleDict({"up": layer}))
    >>> torch.allclose(again["up"](x), model["up"](x), atol=1e-2)
    True
    """
    tensors, about = read_file(path, KIND)
    base = about.get("base")
    if not isinstance(model, nn.Module):
        raise CheckpointError(f"{path} needs the model that it was trained on, {base}; it got {model!r}.")
    if _side_paths(model):
        raise CheckpointError(
            f"{path} is for a model without side paths, and this one has some; load the model once more."
        )
    if weights_fingerprint(model) != about.get("fingerprint"):
        raise CheckpointError(
            f"{path} was trained on {base}, and this is another model, or its weights have changed or are "
            "in another number format than float32; give it that one, freshly loaded."
        )
    made = _made(path, model, tensors, about.get("scales"))
    model.requires_grad_(False)
    for name, layer in made.items():
        parent, _, child = name.rpartition(".")
        setattr(model.get_submodule(parent), child, layer)
    return model


def _made(
    path: str | Path, model: nn.Module, tensors: Mapping[str, torch.Tensor], scales: Any
) -> dict[str, LoRALinear]:
    """The layers with side paths that a file describes, made of the model's own."""
    found = dict(model.named_modules())
    if not isinstance(scales, dict) or tensors.keys() != {f"{n}.{part}" for n in scales for part in "ab"}:
        raise misshapen(path, "it does not say which layers it is for")
    layers = {}
    for name, scale in scales.items():
        base, a, b = found.get(name), tensors[f"{name}.a"], tensors[f"{name}.b"]
        out, inside = base.weight.shape if isinstance(base, nn.Linear) else (0, 0)
        if a.ndim != 2 or a.shape[1] != inside or b.shape != (out, a.shape[0]):
            raise misshapen(path, f"its side path at {name} is {in_words(a.shape)} and {in_words(b.shape)}")
        layers[name] = LoRALinear(base, a.shape[0], scale * a.shape[0]).requires_grad_(False)
        layers[name].a.copy_(a)
        layers[name].b.copy_(b)
    return layers
