"""In: a folder written by `transformers` becomes our GPT and tokenizer.

Reading needs only the files. It does not know how models are trained.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from course_lib.arguments import shown
from course_lib.files import as_path
from course_lib.interop.families import Family, Weights, family_of
from course_lib.interop.tokenizer_json import from_tokenizers
from course_lib.model import GPT
from course_lib.model.weights import hollow, weight_shapes
from course_lib.tokens import BPETokenizer
from course_lib.training import tokenizer_fingerprint
from course_lib.training.files import checksum


def import_from_transformers(folder: str | Path) -> tuple[GPT, BPETokenizer | None]:
    """Read a model that `transformers` (or `export_to_transformers`) has saved: GPT-2, Llama, Qwen3 or
    GPT-NeoX.

    The model is in evaluation mode, on the CPU, in float32. The tokenizer is None if the folder holds none.

    Raises: ValueError, in one sentence, for a folder without a model, and for one with parts that our GPT
    doesn't have.
    """
    folder = as_path(folder)
    values = _read_json(folder / "config.json")
    try:
        model = _read_model(folder, values)
        tokenizer = _read_tokenizer(folder)
    except ValueError as error:
        raise ValueError(f"{folder} cannot be imported: {error}") from None
    if tokenizer is not None:
        model.tokenizer_fingerprint = tokenizer_fingerprint(tokenizer)
    return model.eval(), tokenizer


def _read_model(folder: Path, values: dict[str, Any]) -> GPT:
    """The model; what config.json claims is compared with the weights before anything large is built."""
    family = family_of(values)
    try:
        config = family.config_in(values)
    except KeyError as error:
        raise ValueError(f"its config.json lacks {error.args[0]!r}; save the model again.") from None
    except (TypeError, AttributeError, ZeroDivisionError, OverflowError):
        raise ValueError(
            "its config.json has values of another kind than they should be; save the model again."
        ) from None
    theirs = _read_weights(folder)
    next(weight_shapes(config))  # which says if its numbers are larger than any memory
    shapes = hollow(replace(config, n_layers=min(config.n_layers, _layers_in(theirs, family) + 1)))
    try:
        weights = family.weights_in(theirs, shapes)
    except (RuntimeError, TypeError, IndexError):
        raise ValueError(
            "its weights are not of the shapes that its config.json says; take both from the same model."
        ) from None
    model = GPT(config)
    model.load_state_dict(weights)
    return model


def _layers_in(theirs: Weights, family: Family) -> int:
    """How many layers there are in a file."""
    start, _, _ = family.layer.partition("{}")
    names = [name.removeprefix(start) for name in family.whole_names(theirs) if name.startswith(start)]
    return len({name.partition(".")[0] for name in names})


def _read_json(path: Path) -> dict[str, Any]:
    try:
        if path.exists() and not path.is_file():  # a pipe or a device would be read for ever
            raise ValueError(f"{path} is no file; give a folder that was written by save_pretrained.")
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ValueError(f"{path} is damaged (no UTF-8); save the model or get the file again.") from None
    except OSError:
        raise ValueError(f"There is no {path}; give a folder that was written by save_pretrained.") from None
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError(f"{path} is damaged (no JSON); save the model or get the file again.") from None
    if not isinstance(values, dict):
        raise ValueError(f"{path} is damaged (no JSON object); save the model or get the file again.")
    return values


def _read_weights(folder: Path) -> Weights:
    """All tensors, from one safetensors file or from the several that an index lists."""
    from safetensors import SafetensorError, safe_open
    from safetensors.torch import load_file

    index = folder / "model.safetensors.index.json"
    names = _listed(_read_json(index)) if index.exists() else ["model.safetensors"]
    weights: Weights = {}
    for name in names:
        path = folder / Path(name).name
        if not path.exists():
            raise ValueError(
                f"{name} is missing; weights must be in safetensors files (a pytorch_model.bin can run any "
                "code when it is read: let transformers convert it with save_pretrained)."
            )
        try:
            found = load_file(path)
            with safe_open(path, "pt") as file:
                header = file.metadata() or {}
        except (SafetensorError, RuntimeError, OSError) as error:
            raise ValueError(f"{name} is damaged ({error}); save the model or get the file again.") from None
        if "checksum" in header and header["checksum"] != checksum(found):  # as in our own exports
            raise ValueError(f"{name} is damaged (other numbers than were saved); export the model again.")
        weights.update(found)
    return weights


def _listed(index: Mapping[str, Any]) -> list[str]:
    places = index.get("weight_map")
    if not isinstance(places, dict) or not all(isinstance(name, str) for name in places.values()):
        raise ValueError("its model.safetensors.index.json lists no files; save the model or get it again.")
    return sorted(set(places.values()))


def _read_tokenizer(folder: Path) -> BPETokenizer | None:
    if (folder / "tokenizer.json").exists():
        return from_tokenizers(_read_json(folder / "tokenizer.json"))
    if (folder / "vocab.json").exists() and (folder / "merges.txt").exists():
        return BPETokenizer.load(folder)
    return None


def check_same_shape(owner: str, ours: torch.Tensor, theirs: torch.Tensor) -> None:
    """Raises ValueError unless both are logits of one shape, and numbers.

    >>> check_same_shape("agreement", torch.ones(1, 2, 3), torch.ones(1, 2, 3))
    """
    both = isinstance(ours, torch.Tensor) and isinstance(theirs, torch.Tensor)
    if not both or ours.shape != theirs.shape or not ours.numel() or ours.ndim < 1:
        raise ValueError(
            f"{owner} got ours={shown(ours)} and theirs={shown(theirs)}; both must be logits (B, T, V)."
        )
    if bool(ours.isnan().any() or theirs.isnan().any()):
        raise ValueError(f"{owner} got logits that are no numbers (NaN); look at the weights of the model.")


def agreement(ours: torch.Tensor, theirs: torch.Tensor) -> tuple[float, float]:
    """How well two models agree: the largest difference of their logits, and the share of places at which
    both find the same token best.

    Shapes: (B, T, V) both.

    >>> agreement(torch.tensor([[[0.0, 1.0], [3.0, 2.0]]]), torch.tensor([[[0.5, 1.0], [3.0, 5.0]]]))
    (3.0, 0.5)
    """
    check_same_shape("agreement", ours, theirs)
    largest = (ours - theirs).abs().max().item()
    same = ours.argmax(dim=-1) == theirs.argmax(dim=-1)
    return largest, same.float().mean().item()
