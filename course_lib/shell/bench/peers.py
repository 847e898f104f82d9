"""The others: GPT-2 as `transformers` has it, and whatever a person's own file makes of another project.

A peer is named as `file.py:name`. The name is a factory, called with those of vocab_size, context_length,
n_layers, n_heads and width that it takes, or one of two functions, recognised by its name (or by a `kind`
that it carries), which a factory may also return:

    import torch
    from their_project import GPT, Config, BPE

    def make_model(vocab_size, context_length, n_layers, n_heads, width):
        return GPT(Config(vocab_size, context_length, n_layers, n_heads, width))  # ids (B, T) -> (B, T, V)

    def make_optimizer(model):                   # optional; else torch's AdamW as it comes
        return torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)

    def generate(model, ids, n_new):             # model: the course's; ids (B, T) -> (B, T + n_new)
        ...

    def train_bpe(text, vocab_size):             # the merges, or a tokenizer with `merges`
        return BPE().train(text, vocab_size)

It measures nothing.
"""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

from course_lib.config import GPTConfig
from course_lib.files import as_path
from course_lib.interop.families import family_for
from course_lib.model import GPT

FUNCTIONS = ("generate", "train_bpe")
PROBE = GPTConfig(vocab_size=65, context_length=16, n_layers=2, n_heads=2, width=32)


class Logits(nn.Module):
    """A model that wraps its logits (in an object with `.logits`, or in a tuple), made to give just them."""

    def __init__(self, model: nn.Module, **options: Any):
        super().__init__()
        self.model, self.options = model, options

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        out = self.model(ids, **self.options)
        out = getattr(out, "logits", out)
        return out[0] if isinstance(out, tuple | list) else out


def transformers_gpt2(model: GPT, attention: str) -> nn.Module:
    """The GPT2LMHeadModel of `transformers` with the weights of one of our models; attention "eager" or
    "sdpa".

    Raises: ValueError for a model with parts that GPT-2 doesn't have.
    """
    from transformers import GPT2Config, GPT2LMHeadModel

    family = family_for(model.config)
    if family.model_type != "gpt2":
        raise ValueError(
            f"transformers_gpt2 got a model that is written as {family.model_type}; give one with GPT-2's "
            "parts, the defaults of GPTConfig."
        )
    ends = {"bos_token_id": None, "eos_token_id": None}  # so that no text ends before its time
    config = GPT2Config(**family.config_out(model.config), **ends, attn_implementation=attention)
    theirs = GPT2LMHeadModel(config)
    weights = {name: weight.detach().clone() for name, weight in family.weights_out(model).items()}
    theirs.load_state_dict(weights, strict=False)  # its head is the table of tokens, as in ours
    return theirs.train(model.training)


# From a file --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Peer:
    """Something of another project; `kind` is "model", "generate" or "train_bpe"."""

    name: str
    kind: str
    build: Callable[[GPTConfig], Any]
    make_optimizer: Callable[[nn.Module], torch.optim.Optimizer] | None = None

    def optimizer(self, model: nn.Module) -> torch.optim.Optimizer:
        """The peer's own optimizer, or torch's AdamW as it comes."""
        make = self.make_optimizer or (lambda model: torch.optim.AdamW(model.parameters(), lr=1e-4))
        return make(model)


def load_peer(spec: str) -> Peer:
    """The peer that `file.py:name` names, tried out once at a small size.

    Raises: ValueError, in one sentence, for a missing file or name, or something that can't be measured.
    """
    path, _, name = spec.rpartition(":")
    if not path or not name:
        raise ValueError(f"--peer got {spec!r}; write a file and a name in it, such as peers.py:make_model.")
    path = as_path(path)
    module = _load(path)
    target = getattr(module, name, None)
    if not callable(target):
        known = [key for key, value in vars(module).items() if inspect.isfunction(value)]
        raise ValueError(f"{path} has no function {name!r}; it has {', '.join(known) or 'none at all'}.")
    label = f"{path.stem}:{name}"
    if _kind(target) in FUNCTIONS:
        return Peer(label, _kind(target), lambda config: target)

    def build(config: GPTConfig) -> Any:
        with _beside(path):
            return _checked(target(**_accepted(target, config, label)), config, label)

    built = build(PROBE)
    return Peer(label, _kind(built), build, getattr(module, "make_optimizer", None))


def _kind(thing: Any) -> str:
    if isinstance(thing, nn.Module):
        return "model"
    kind = getattr(thing, "kind", getattr(thing, "__name__", ""))
    return kind if callable(thing) and kind in FUNCTIONS else ""


@contextmanager
def _beside(path: Path) -> Iterator[None]:
    """Let a file import what lies beside it."""
    sys.path.insert(0, str(path.resolve().parent))
    try:
        yield
    finally:
        sys.path.remove(str(path.resolve().parent))


def _load(path: Path) -> ModuleType:
    if path.suffix != ".py" or not path.is_file():
        raise ValueError(f"--peer got the file {path}, which is not there or no .py file; give its path.")
    found = importlib.util.spec_from_file_location(f"peer_{path.stem}", path)
    module = importlib.util.module_from_spec(found)
    with _beside(path):
        try:
            found.loader.exec_module(module)
        except Exception as problem:
            raise ValueError(
                f"{path} cannot be loaded ({type(problem).__name__}: {problem}); mend it and try again."
            ) from problem
    return module


def _accepted(factory: Callable[..., Any], config: GPTConfig, label: str) -> dict[str, int]:
    """Those numbers of the shape that a factory takes."""
    shape = {name: getattr(config, name) for name in SHAPE}
    parameters = inspect.signature(factory).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return shape
    needed = {p.name for p in parameters if p.default is p.empty and p.kind is not p.VAR_POSITIONAL}
    if needed - shape.keys():
        raise ValueError(
            f"{label} needs {', '.join(sorted(needed - shape.keys()))}, but a factory is only given "
            f"{', '.join(shape)}; give other arguments a default."
        )
    return {p.name: shape[p.name] for p in parameters if p.name in shape}


SHAPE = ("vocab_size", "context_length", "n_layers", "n_heads", "width")


def _checked(built: Any, config: GPTConfig, label: str) -> Any:
    """What a factory returned, if it can be measured; a model is wrapped so that it gives bare logits."""
    if not isinstance(built, nn.Module):
        if _kind(built):
            return built
        raise ValueError(
            f"{label} returned a {type(built).__name__}; return an nn.Module, or a function named "
            f"{' or '.join(FUNCTIONS)}."
        )
    model, ids = Logits(built), torch.zeros(2, 3, dtype=torch.long)
    with torch.no_grad():
        logits = model(ids)
    wanted = (2, 3, config.vocab_size)
    if not isinstance(logits, torch.Tensor) or logits.shape != wanted:
        got = tuple(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
        raise ValueError(
            f"{label} made a model that turns ids (2, 3) into {got}; it must give logits {wanted}, by "
            "themselves, as .logits or first in a tuple."
        )
    return model
