"""The loop that lowers the loss of any module that maps token ids to logits.

It draws batches, steps the optimizer under a schedule, measures the loss on a fixed set of windows, saves
checkpoints from which a training goes on exactly, and tells callbacks what happened. It does not know what
the model looks like inside, where the text comes from, or how curves are drawn, and it never prints.
"""

from __future__ import annotations

import contextlib
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from course_lib.context import get_batch
from course_lib.training.checkpoint import (
    CheckpointError,
    load_checkpoint,
    save_checkpoint,
)
from course_lib.training.evaluation import (
    IGNORE,
    Batch,
    autocast,
    context_of,
    device_of,
    evaluate,
    mode,
    quicker_precision,
    summed_nats,
)
from course_lib.training.optim import Muon, muon_groups, parameter_groups
from course_lib.training.recipe import Callback, History, Moment, Record, TrainConfig


def make_optimizer(model: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """torch's AdamW, equal to `course_lib.training.optim.AdamW`, in its fused form where there is one."""
    groups = parameter_groups(model, config.weight_decay, config.decay_embeddings)
    fused = True if device_of(model).type in ("cpu", "cuda") else None
    return torch.optim.AdamW(groups, lr=config.lr, betas=config.betas, eps=config.eps, fused=fused)


def make_muon(model: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """Muon for a training: `train(..., optimizer=make_muon)`; `config.lr` is for what AdamW steps."""
    return Muon(muon_groups(model, config.lr, config.matrix_lr), betas=config.betas, eps=config.eps)


def suited(config: TrainConfig, device: torch.device | str) -> TrainConfig:
    """The recipe, with precision "float32" where it says "bfloat16" and the device isn't faster with that.

    >>> suited(TrainConfig(steps=1), "cpu").precision
    'float32'
    """
    if config.precision == "bfloat16":
        return replace(config, precision=quicker_precision(device))
    return config


def train(
    model: nn.Module,
    ids: torch.Tensor | Callable[[torch.Generator], Batch],
    config: TrainConfig,
    *,
    val_ids: torch.Tensor | Sequence[Batch] | None = None,
    callbacks: Sequence[Callback] = (),
    checkpoint_path: str | Path | None = None,
    resume: bool = False,
    optimizer: Callable[[nn.Module, TrainConfig], torch.optim.Optimizer] = make_optimizer,
    clock: Callable[[], float] = time.perf_counter,
) -> History:
    """Train `model` in place to predict the next token, and return the curve.

    `ids` is one long line of token ids, from which windows are drawn at random; or a function that is given
    the generator and returns a batch (x, y), for text that is made on the fly or targets that are partly
    masked (-100). Such a function may have `state_dict` and `load_state_dict` (JSON values) if it has a state
    of its own to resume. `val_ids` is a line of ids too, or a list of ready batches.

    The model stays on its device. Equal seeds give equal trainings; torch's global random state is left as it
    was. With `checkpoint_path`, the training is saved on the way and at the end; with `resume=True` it goes
    on from there, exactly as if it had not stopped (or starts, if there is no file yet). Ctrl-C (or the
    notebook's stop button) finishes the step, saves, and returns the history with `interrupted=True`; a
    second Ctrl-C stops at once, without saving. Seconds are those of `clock`; `time.process_time` counts the
    CPU's, summed over its threads, so that a busy machine changes nothing.

    Shapes: ids (N,); x, y (B, T). Units: nats per token.
    Raises: ValueError for data too short or a checkpoint that does not fit; FloatingPointError if the loss
    stops being a number.

    >>> ids = torch.tensor([0, 1, 2] * 20)  # after each token, only one can come
    >>> model = torch.nn.Sequential(torch.nn.Embedding(3, 8), torch.nn.Linear(8, 3))
    >>> history = train(model, ids, TrainConfig(steps=60, batch_size=8, context_length=5, lr=0.1))
    >>> history.steps[-1], history.train_loss < 0.05
    (60, True)
    """
    config = replace(
        config, context_length=context_of(model, config.context_length, required=not callable(ids))
    )
    run = _Run(model, config, optimizer(model, config), _batches(ids, config), torch.Generator(), clock)
    run.generator.manual_seed(config.seed)
    for group in run.optimizer.param_groups:
        group.setdefault("initial_lr", group["lr"])
    with (
        _own_randomness(model, config.seed),
        mode(model, training=True),
        _deferred_interrupt() as interrupted,
    ):
        if resume and checkpoint_path is not None and Path(checkpoint_path).exists():
            run.load(checkpoint_path)
        _tell(callbacks, "on_start", config, run.history)
        try:
            _loop(run, val_ids, callbacks, checkpoint_path, interrupted)
        except KeyboardInterrupt:
            interrupted.set()
        finally:
            run.history = replace(run.history, interrupted=interrupted.is_set() and not run.finished)
            _tell(callbacks, "on_end", run.history)
        if checkpoint_path is not None and run.between_steps:
            run.save(checkpoint_path)
    return run.history


def _batches(
    ids: torch.Tensor | Callable[[torch.Generator], Batch], config: TrainConfig
) -> Callable[[torch.Generator], Batch]:
    if not isinstance(ids, torch.Tensor):
        return ids
    if ids.dim() != 1 or len(ids) < config.context_length + 1:
        raise ValueError(
            f"train got ids of shape {tuple(ids.shape)}; it needs one line of at least "
            f"{config.context_length + 1} ids (a window and its last target): give more text or a shorter "
            "context_length."
        )
    return lambda generator: get_batch(ids, config.batch_size, config.context_length, generator)


@dataclass
class _Run:
    """Everything that changes while training, so that it can be saved and restored as one."""

    model: nn.Module
    config: TrainConfig
    optimizer: torch.optim.Optimizer
    batches: Callable[[torch.Generator], Batch]
    generator: torch.Generator
    clock: Callable[[], float]
    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    losses: list[float] = field(default_factory=list)  # of the steps since the last record
    history: History = field(default_factory=History)
    between_steps: bool = True  # False while a step is under way: nothing to save then

    @property
    def finished(self) -> bool:
        steps, seconds = self.config.steps, self.config.max_seconds
        return (steps is not None and self.step >= steps) or (seconds is not None and self.seconds >= seconds)

    def due(self, every: int | None) -> bool:
        return every is not None and self.step % every == 0

    def save(self, path: str | Path) -> None:
        progress = {
            "config": asdict(self.config),
            "step": self.step,
            "tokens": self.tokens,
            "seconds": self.seconds,
            "losses": self.losses,
            "records": [asdict(record) for record in self.history.records],
            "batches": self.batches.state_dict() if hasattr(self.batches, "state_dict") else None,
        }
        save_checkpoint(path, self.model, self.optimizer, self.generator, progress)

    def load(self, path: str | Path) -> None:
        def check(progress: dict[str, Any]) -> None:
            _check_same_training(path, progress["config"], self.config)

        progress = load_checkpoint(path, self.model, self.optimizer, self.generator, check=check)
        self.step, self.tokens, self.seconds = progress["step"], progress["tokens"], progress["seconds"]
        self.losses = progress["losses"]
        self.history = History(tuple(Record(**record) for record in progress["records"]))
        if hasattr(self.batches, "load_state_dict"):
            self.batches.load_state_dict(progress["batches"])


def _check_same_training(path: str | Path, saved: dict[str, Any], config: TrainConfig) -> None:
    """A resumed training may run longer and report at other steps, but must not be another training."""
    free = {"steps", "max_seconds", "log_every", "eval_every", "eval_windows", "checkpoint_every"}
    for name in (f.name for f in fields(TrainConfig) if f.name not in free):
        before, now = saved.get(name), getattr(config, name)
        if before != (list(now) if isinstance(now, tuple) else now):
            raise CheckpointError(
                f"{path} was trained with {name}={before!r}, but now {name}={now!r}; resume with the same "
                "setting, or start afresh with another checkpoint_path."
            )


def _loop(
    run: _Run,
    val_ids: torch.Tensor | Sequence[Batch] | None,
    callbacks: Sequence[Callback],
    checkpoint_path: str | Path | None,
    interrupted: threading.Event,
) -> None:
    began, stop = run.clock() - run.seconds, False
    while not (run.finished or stop or interrupted.is_set()):
        run.between_steps = False
        moment, record = _step(run, began), None
        if run.due(run.config.log_every) or run.due(run.config.eval_every) or run.finished:
            record = _record(run, moment, val_ids, began)
        run.between_steps = True
        stop = _tell(callbacks, "on_step", moment)
        if record is not None:
            stop = _tell(callbacks, "on_record", record, run.history) or stop
        if checkpoint_path is not None and run.due(run.config.checkpoint_every):
            run.save(checkpoint_path)


def _step(run: _Run, began: float) -> Moment:
    """One update of the weights, from one batch or from several whose gradients are added up."""
    config, device = run.config, device_of(run.model)
    factor = config.rate(run.step, run.seconds)
    for group in run.optimizer.param_groups:
        group["lr"] = group["initial_lr"] * factor
    batches = [run.batches(run.generator) for _ in range(config.accumulate)]
    # The mean is over all targets of the step, so that parts add up to exactly the large batch.
    counted = sum(int((y != IGNORE).sum()) for _, y in batches)
    if not counted:
        raise ValueError(
            f"The batch of step {run.step + 1} has nothing to learn from: all its targets are {IGNORE}."
        )
    run.optimizer.zero_grad(set_to_none=True)
    loss = 0.0
    for x, y in batches:
        with autocast(device, config.precision):
            part = summed_nats(run.model(x.to(device)), y.to(device)) / counted
        part.backward()
        loss += part.item()
    length = 0.0
    if config.grad_clip is not None:
        length = nn.utils.clip_grad_norm_(run.model.parameters(), config.grad_clip).item()
    if not math.isfinite(loss + length):
        raise FloatingPointError(
            f"The loss of step {run.step + 1} is {loss:.4g} and its gradient's length {length:.4g}, at a "
            f"learning rate of {config.lr * factor:.3g}: try a rate ten times lower, a longer warm-up, "
            "grad_clip=1.0 or precision='float32', and see that the data is right; "
            "the weights are those before this step."
        )
    run.optimizer.step()
    run.step += 1
    run.tokens += sum(y.numel() for _, y in batches)
    run.seconds = run.clock() - began
    run.losses.append(loss)
    return Moment(
        run.step,
        loss,
        config.lr * factor,
        run.tokens,
        run.seconds,
        config.fraction_done(run.step, run.seconds),
    )


def _record(
    run: _Run, moment: Moment, val_ids: torch.Tensor | Sequence[Batch] | None, began: float
) -> Record:
    val_loss = None
    if val_ids is not None and (run.due(run.config.eval_every) or run.finished):
        val_loss = evaluate(
            run.model,
            val_ids,
            run.config.context_length,
            windows=run.config.eval_windows,
            batch_size=run.config.batch_size,
            precision=run.config.precision,
        )
        run.seconds = run.clock() - began
    train_loss = sum(run.losses) / len(run.losses)
    record = Record(run.step, train_loss, val_loss, moment.lr, run.tokens, run.seconds)
    run.history = replace(run.history, records=(*run.history.records, record))
    run.losses.clear()
    return record


def _tell(callbacks: Sequence[Callback], event: str, *news: Any) -> bool:
    """Call the method of that name where a callback has one; True if any of them asks to stop."""
    answers = [getattr(callback, event)(*news) for callback in callbacks if hasattr(callback, event)]
    return any(answer is True for answer in answers)


@contextlib.contextmanager
def _own_randomness(model: nn.Module, seed: int) -> Iterator[None]:
    """Dropout draws from torch's global state: seed that for the training, and put it back afterwards."""
    device = device_of(model)
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield


@contextlib.contextmanager
def _deferred_interrupt() -> Iterator[threading.Event]:
    """Turn the first Ctrl-C into a flag, so that no step is cut in half; a second one interrupts as usual.

    Python lets only the main thread handle signals; elsewhere nothing is changed.
    """
    pressed = threading.Event()
    if threading.current_thread() is not threading.main_thread() or not callable(
        signal.getsignal(signal.SIGINT)
    ):
        yield pressed
        return

    def on_interrupt(number: int, frame: Any) -> None:
        if pressed.is_set():
            raise KeyboardInterrupt
        pressed.set()

    before = signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)
