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
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from course_lib.arguments import check_instance, number
from course_lib.files import as_path
from course_lib.runtime import locked
from course_lib.training.evaluation import (
    IGNORE,
    Batch,
    autocast,
    device_of,
    mean_nats,
    measured_batches,
    mode,
    quicker_precision,
    summed_nats,
)
from course_lib.training.optim import Muon, muon_groups, parameter_groups
from course_lib.training.recipe import Callback, History, Moment, Record, TrainConfig
from course_lib.training.run import A_RECIPE, Run, begin, checked_callbacks


def make_optimizer(model: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """torch's AdamW, equal to `course_lib.training.optim.AdamW`, in its fused form where there is one."""
    check_instance("make_optimizer", "config", config, TrainConfig, A_RECIPE)
    groups = parameter_groups(model, config.weight_decay, config.decay_embeddings)
    fused = True if device_of(model).type in ("cpu", "cuda") else None
    return torch.optim.AdamW(groups, lr=config.lr, betas=config.betas, eps=config.eps, fused=fused)


def make_muon(model: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """Muon for a training: `train(..., optimizer=make_muon)`; `config.lr` is for what AdamW steps."""
    check_instance("make_muon", "config", config, TrainConfig, A_RECIPE)
    return Muon(muon_groups(model, config.lr, config.matrix_lr), betas=config.betas, eps=config.eps)


def suited(config: TrainConfig, device: torch.device | str) -> TrainConfig:
    """The recipe, with precision "float32" where it says "bfloat16" and the device isn't faster with that.

    >>> suited(TrainConfig(steps=1), "cpu").precision
    'float32'
    """
    check_instance("suited", "config", config, TrainConfig, A_RECIPE)
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

    A checkpoint says what it was trained on and with (the text by its fingerprint, recipe, model, optimizer),
    and another training is refused. Whatever can be known before the first step is looked at before it.

    Shapes: ids (N,); x, y (B, T). Units: nats per token.
    Raises: ValueError for data too short or a checkpoint that does not fit; FloatingPointError if the loss
    stops being a number; OSError, with the curve as its `history`, if the last checkpoint can't be written.

    >>> ids = torch.tensor([0, 1, 2] * 20)  # after each token, only one can come
    >>> model = torch.nn.Sequential(torch.nn.Embedding(3, 8), torch.nn.Linear(8, 3))
    >>> history = train(model, ids, TrainConfig(steps=60, batch_size=8, context_length=5, lr=0.1))
    >>> history.steps[-1], history.train_loss < 0.05
    (60, True)
    """
    callbacks = checked_callbacks(callbacks)
    run = begin(model, ids, config, val_ids, optimizer, clock, checkpoint_path, resume)
    config = run.config
    with (
        _alone(checkpoint_path),
        _own_randomness(model, config.seed),
        mode(model, training=True),
        _deferred_interrupt() as interrupted,
    ):
        if resume and checkpoint_path is not None and as_path(checkpoint_path).exists():
            run.load(checkpoint_path)
        _tell(callbacks, "on_start", config, run.history)
        try:
            _loop(run, callbacks, checkpoint_path, interrupted)
        except KeyboardInterrupt:
            interrupted.set()
        finally:
            run.history = replace(run.history, interrupted=interrupted.is_set() and not run.finished)
            _tell(callbacks, "on_end", run.history)
        if checkpoint_path is not None and run.between_steps:
            run.save_last(checkpoint_path)
    return run.history


@contextlib.contextmanager
def _alone(path: str | Path | None) -> Iterator[None]:
    """Nobody else may write the same checkpoint meanwhile."""
    if path is None:
        yield
        return
    with locked(path, "give this training another checkpoint_path, or wait until the other one has ended"):
        yield


def _loop(
    run: Run,
    callbacks: Sequence[Callback],
    checkpoint_path: str | Path | None,
    interrupted: threading.Event,
) -> None:
    needed = "a clock that gives seconds, such as time.process_time"
    began, stop = number("train", "clock", run.clock(), needed) - run.seconds, False
    while not (run.finished or stop or interrupted.is_set()):
        run.between_steps = False
        moment, record = _step(run, began), None
        if run.due(run.config.log_every) or run.due(run.config.eval_every) or run.finished:
            record = _record(run, moment, began)
        run.between_steps = True
        stop = _tell(callbacks, "on_step", moment)
        if record is not None:
            stop = _tell(callbacks, "on_record", record, run.history) or stop
        if checkpoint_path is not None and run.due(run.config.checkpoint_every):
            run.save_on_the_way(checkpoint_path)


def _step(run: Run, began: float) -> Moment:
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


def _record(run: Run, moment: Moment, began: float) -> Record:
    val_loss = None
    if run.val_ids is not None and (run.due(run.config.eval_every) or run.finished):
        config = run.config
        batches = measured_batches(
            run.model, run.val_ids, config.context_length, config.eval_windows, config.batch_size
        )
        val_loss = mean_nats(run.model, batches, config.precision)
        if math.isnan(val_loss):
            raise FloatingPointError(
                f"The validation loss after step {run.step} is nan, at a learning rate of {moment.lr:.3g}: "
                "try a rate ten times lower, a longer warm-up or grad_clip=1.0."
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
