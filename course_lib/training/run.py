"""A training under way: what changes while it runs, what it belongs to, and how both go to a file and back.

All that can be wrong with it is looked at when it begins, before its first step. It does not know how a step
is made.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from course_lib.arguments import (
    as_tensor,
    check_function,
    check_ids,
    check_instance,
    flag,
    id_line,
    many,
    number,
    whole,
    wrong,
)
from course_lib.context import get_batch
from course_lib.runtime import check_place
from course_lib.training.checkpoint import load_checkpoint, save_checkpoint
from course_lib.training.evaluation import Batch, check_pair, context_of, is_line, measured_batches, vocab_of
from course_lib.training.files import CheckpointError, as_json, misshapen
from course_lib.training.fingerprints import data_fingerprint
from course_lib.training.recipe import History, Record, TrainConfig

EVENTS = ("on_start", "on_step", "on_record", "on_end")  # of a callback
A_RECIPE = "a TrainConfig, e.g. TrainConfig(steps=1000)"


def checked_callbacks(callbacks: Any) -> list[Any]:
    """The callbacks as a list.

    >>> checked_callbacks([object])
    Traceback (most recent call last):
    ValueError: train got callbacks=the class object; it must be objects with methods such as on_step.
    """
    found = many("train", "callbacks", callbacks, "them, such as callbacks=[LiveCurve()]")
    for callback in found:
        told = any(callable(getattr(callback, event, None)) for event in EVENTS)
        if isinstance(callback, type) or not told:
            raise wrong("train", "callbacks", callback, "objects with methods such as on_step")
    return found


def begin(
    model: nn.Module,
    ids: Any,
    config: TrainConfig,
    val_ids: Any,
    optimizer: Callable[[nn.Module, TrainConfig], torch.optim.Optimizer],
    clock: Callable[[], float],
    path: str | Path | None,
    resume: bool,
) -> Run:
    """A training at its beginning: what it needs is there, and what it is to write can be written.

    Raises: ValueError or OSError for whatever can be known now.

    >>> model = nn.Sequential(nn.Embedding(3, 4), nn.Linear(4, 3))
    >>> recipe = TrainConfig(steps=5, batch_size=2, context_length=3)
    >>> def sgd(model, config):
    ...     return torch.optim.SGD(model.parameters(), lr=config.lr)
    >>> run = begin(model, [0, 1, 2, 0, 1], recipe, None, sgd, float, path=None, resume=False)
    >>> run.step, run.finished, [part.shape for part in run.batches(run.generator)]
    (0, False, [torch.Size([2, 3]), torch.Size([2, 3])])
    """
    check_instance("train", "model", model, nn.Module, 'a model, such as GPT(GPTConfig.preset("tiny"))')
    check_instance("train", "config", config, TrainConfig, A_RECIPE)
    check_function("train", "clock", clock, 0, "a function that gives seconds, such as time.process_time")
    if flag("train", "resume", resume) and path is None:
        raise ValueError("train got resume=True without a checkpoint_path; give the file to go on from.")
    length = context_of(model, config.context_length, required=not callable(ids))
    config = replace(config, context_length=length)
    batches = _batches(model, ids, config)
    if val_ids is not None:
        val_ids = val_ids if is_line(val_ids) else many("train", "val_ids", val_ids, "batches (x, y)")
        measured_batches(model, val_ids, length, config.eval_windows, config.batch_size)
    made = _made(optimizer, model, config)
    run = Run(model, config, made, batches, torch.Generator().manual_seed(config.seed), clock, val_ids)
    if path is not None:
        check_place(path)
        as_json(run.progress())
    return run


def _made(optimizer: Any, model: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    needed = "a function of model and recipe that makes one, such as make_muon"
    own = isinstance(optimizer, type) and issubclass(optimizer, torch.optim.Optimizer)
    no_function = isinstance(optimizer, type) and not own
    torchs_own = own and optimizer.__module__.startswith("torch.optim")
    if no_function or torchs_own or isinstance(optimizer, torch.optim.Optimizer):
        raise wrong("train", "optimizer", optimizer, needed)
    check_function("train", "optimizer", optimizer, 2, needed)
    made = optimizer(model, config)
    check_instance("train", "optimizer", made, torch.optim.Optimizer, needed)
    for group in made.param_groups:
        group.setdefault("initial_lr", group["lr"])
    return made


def _batches(model: nn.Module, ids: Any, config: TrainConfig) -> Source:
    if callable(ids) and not isinstance(ids, torch.Tensor):
        needed = "a function that draws a batch from a generator, or a line of ids"
        if isinstance(ids, type | nn.Module):
            raise wrong("train", "ids", ids, needed)
        check_function("train", "ids", ids, 1, needed)
        return Source(ids, ids, vocab_of(model))
    line = as_tensor(ids) if not isinstance(ids, str | bytes) else None
    if line is not None and (line.dim() != 1 or len(line) < config.context_length + 1):
        raise ValueError(
            f"train got ids of shape {tuple(line.shape)}; it needs one line of at least "
            f"{config.context_length + 1} ids (a window and its last target): give more text or a shorter "
            "context_length."
        )
    line = id_line("train", ids)
    check_ids("train", line, vocab_of(model))
    return Source(line, lambda chance: get_batch(line, config.batch_size, config.context_length, chance))


@dataclass(frozen=True)
class Source:
    """What is trained on, and the function that draws batches of it.

    >>> source = Source(data=torch.arange(5), draw=lambda generator: (torch.ones(1, 2), torch.ones(1, 2)))
    >>> len(source(torch.Generator())), source.state
    (2, None)
    """

    data: Any
    draw: Callable[[torch.Generator], Batch]
    vocab_size: int | None = None  # known where batches are somebody else's, and are looked at

    def __call__(self, generator: torch.Generator) -> Batch:
        batch = self.draw(generator)
        if self.draw is self.data:
            check_pair("train", batch, self.vocab_size)
        return batch

    @property
    def state(self) -> Any:
        """What the source itself has to resume, if anything."""
        return self.data.state_dict() if hasattr(self.data, "state_dict") else None

    def restore(self, state: Any) -> None:
        """Take up a state of before."""
        if hasattr(self.data, "load_state_dict"):
            self.data.load_state_dict(state)


@dataclass
class Run:
    """Everything that changes while training, so that it can be saved and restored as one.

    >>> layer = nn.Linear(2, 3)
    >>> sgd = torch.optim.SGD(layer.parameters(), lr=0.1)
    >>> source = Source(torch.arange(5), draw=lambda generator: None)
    >>> run = Run(layer, TrainConfig(steps=5), sgd, source, torch.Generator(), clock=float)
    >>> run.progress()["step"], run.finished
    (0, False)
    """

    model: nn.Module
    config: TrainConfig
    optimizer: torch.optim.Optimizer
    batches: Source
    generator: torch.Generator
    clock: Callable[[], float]
    val_ids: Any = None
    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    losses: list[float] = field(default_factory=list)  # of the steps since the last record
    history: History = field(default_factory=History)
    fingerprints: dict[str, str | None] | None = None  # made once, when first needed
    between_steps: bool = True  # False while a step is under way: nothing to save then

    @property
    def finished(self) -> bool:
        """Whether all steps are made, or the time is up."""
        steps, seconds = self.config.steps, self.config.max_seconds
        return (steps is not None and self.step >= steps) or (seconds is not None and self.seconds >= seconds)

    def due(self, every: int | None) -> bool:
        """Whether something that comes every so many steps comes now."""
        return every is not None and self.step % every == 0

    def progress(self) -> dict[str, Any]:
        """How far it is, and what it is trained on."""
        return {
            "config": asdict(self.config),
            "step": self.step,
            "tokens": self.tokens,
            "seconds": self.seconds,
            "losses": self.losses,
            "records": [asdict(record) for record in self.history.records],
            "batches": self.batches.state,
            "belongs": self._belongs(),
        }

    def _belongs(self) -> dict[str, str | None]:
        """The fingerprints of what goes with this training."""
        if self.fingerprints is None:
            self.fingerprints = {
                "tokenizer": getattr(self.model, "tokenizer_fingerprint", None),
                "text": data_fingerprint(self.batches.data),
                "validation text": None if self.val_ids is None else data_fingerprint(self.val_ids),
            }
        return self.fingerprints

    def save(self, path: str | Path) -> None:
        """Write a checkpoint."""
        save_checkpoint(path, self.model, self.optimizer, self.generator, self.progress())

    def save_on_the_way(self, path: str | Path) -> None:
        """Write a checkpoint; if that can't be done now, say so and go on, since there will be another."""
        try:
            self.save(path)
        except OSError as problem:
            warnings.warn(f"Step {self.step}: {problem} The training goes on.", RuntimeWarning, stacklevel=4)

    def save_last(self, path: str | Path) -> None:
        """Write the checkpoint at the end; an error brings the curve along, so that it isn't lost."""
        try:
            self.save(path)
        except OSError as problem:
            problem.history = self.history
            raise

    def load(self, path: str | Path) -> None:
        """Take up a training of before; where it is another one, nothing is changed."""
        before = self.batches.state

        def check(progress: dict[str, Any]) -> None:
            _check_same_training(path, progress, self.config, self._belongs())
            found.update(_taken_apart(path, progress))
            try:
                self.batches.restore(progress["batches"])
            except Exception as problem:
                self.batches.restore(before)
                raise misshapen(path, f"the text's own state does not fit ({problem!r})") from None

        found: dict[str, Any] = {}
        try:
            load_checkpoint(path, self.model, self.optimizer, self.generator, check=check)
        except BaseException:
            if found:
                self.batches.restore(before)
            raise
        self.step, self.tokens, self.seconds = found["step"], found["tokens"], found["seconds"]
        self.losses, self.history = found["losses"], found["history"]


def _taken_apart(path: str | Path, progress: dict[str, Any]) -> dict[str, Any]:
    """How far a saved training was, each entry of its kind."""
    try:
        step = whole("progress", "step", progress["step"], least=0)
        tokens = whole("progress", "tokens", progress["tokens"], least=0)
        seconds = number("progress", "seconds", progress["seconds"], "0 or more", lambda x: x >= 0)
        losses = [number("progress", "losses", loss) for loss in progress["losses"]]
        records = tuple(Record(**record) for record in progress["records"])
    except (KeyError, TypeError, ValueError) as problem:
        raise misshapen(
            path, f"how far the training was is not of a form that is known ({problem})"
        ) from None
    history = History(records)
    return {"step": step, "tokens": tokens, "seconds": seconds, "losses": losses, "history": history}


def _check_same_training(
    path: str | Path, progress: dict[str, Any], config: TrainConfig, belongs: dict[str, str | None]
) -> None:
    """A resumed training may run longer and report at other steps, but must not be another training."""
    saved, before = progress.get("config"), progress.get("belongs")
    if not isinstance(saved, dict) or not isinstance(before, dict):
        raise misshapen(path, "it does not say what was trained on")
    free = {"steps", "max_seconds", "log_every", "eval_every", "eval_windows", "checkpoint_every"}
    unknown = sorted(saved.keys() - {f.name for f in fields(TrainConfig)})
    if unknown:
        raise misshapen(path, f"its recipe has {unknown[0]!r}, which this version does not know")
    for name in (f.name for f in fields(TrainConfig) if f.name not in free):
        if name not in saved:
            raise misshapen(path, f"its recipe lacks {name!r}")
        old, now = saved[name], getattr(config, name)
        if old != (list(now) if isinstance(now, tuple) else now):
            raise CheckpointError(
                f"{path} was trained with {name}={old!r}, but now {name}={now!r}; resume with the same "
                "setting, or start afresh with another checkpoint_path."
            )
    known = {name: before.get(name) for name in belongs}
    others = [
        name
        for name, now in belongs.items()
        if known[name] != now and (name == "text" or None not in (known[name], now))
    ]
    if others:
        raise CheckpointError(
            f"{path} was trained with another {' and another '.join(others)}; resume with the same, or start "
            "afresh with another checkpoint_path."
        )
