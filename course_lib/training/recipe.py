"""What goes into a training and what comes out: its recipe, its records, and who is told.

Plain values; importing this does not need torch. `course_lib.training` does the work.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from course_lib.arguments import SEEDS, choice, flag, number, plain, whole, wrong
from course_lib.training.schedules import SCHEDULES

_COUNTS = {  # and whether None stands for something
    "batch_size": False,
    "context_length": True,
    "accumulate": False,
    "log_every": False,
    "eval_every": True,
    "eval_windows": True,
    "checkpoint_every": True,
}
MOST = 10**15  # of anything that is counted
_NUMBERS = {
    "lr": ("above 0, e.g. 1e-3", lambda x: 0 < x < math.inf),
    "matrix_lr": ("above 0, e.g. 0.02", lambda x: 0 < x < math.inf),
    "warmup": ("a fraction of the run, from 0 to below 1", lambda x: 0 <= x < 1),
    "final_lr": ("a fraction of lr, from 0 to 1", lambda x: 0 <= x <= 1),
    "weight_decay": ("0 or more, e.g. 0.1", lambda x: 0 <= x < math.inf),
    "eps": ("0 or more, e.g. 1e-8", lambda x: 0 <= x < math.inf),
}


PRECISIONS = ("float32", "bfloat16")  # those of `evaluation`, which needs torch


def _count(owner: str, name: str, value: Any) -> int:
    count = whole(owner, name, value)
    if count > MOST:
        raise wrong(owner, name, value, "a number that a machine can count to")
    return count


def checked_betas(owner: str, name: str, value: Any) -> tuple[float, float]:
    """Two numbers from 0 to below 1, for the two running means of Adam.

    >>> checked_betas("AdamW", "betas", [0.9, 0.95])
    (0.9, 0.95)
    """
    needed = "two numbers from 0 to below 1, e.g. (0.9, 0.95)"
    values = list(value) if isinstance(value, Iterable) and getattr(value, "ndim", 1) else []
    if len(values) != 2 or isinstance(value, str):
        raise wrong(owner, name, value, needed)
    first, second = (number(owner, name, plain(beta), needed, lambda x: 0 <= x < 1) for beta in values)
    return first, second


@dataclass(frozen=True)
class TrainConfig:
    """How to train, until `steps` or `max_seconds`; with both, whichever comes first.

    The schedule runs over the fraction of the run that is done, by steps or by the clock, whichever is
    further: a training 'for one minute' has its rate down at the end on a fast machine and on a slow one.

    A number may come as one of NumPy's or torch's, and is kept as Python's.

    Raises: ValueError for values that cannot work.

    >>> TrainConfig(steps=100).fraction_done(step=25, seconds=3.0)
    0.25
    >>> TrainConfig(steps=100, max_seconds=60).fraction_done(step=25, seconds=30.0)
    0.5
    """

    steps: int | None = None
    max_seconds: float | None = None
    batch_size: int = 32
    context_length: int | None = None  # tokens per window; None: the model's own
    lr: float = 1e-3
    matrix_lr: float = 0.02  # of the matrices that Muon steps; AdamW knows only lr
    schedule: str = "cosine"  # or "linear" or "constant"
    warmup: float = 0.05  # the fraction of the run in which the rate rises
    final_lr: float = 0.0  # where the rate ends, as a fraction of lr
    weight_decay: float = 0.1
    decay_embeddings: bool = False
    betas: tuple[float, float] = (0.9, 0.95)
    eps: float = 1e-8
    grad_clip: float | None = 1.0
    accumulate: int = 1  # batches per step, for a large batch on a small memory
    precision: str = "float32"  # or "bfloat16": faster on a GPU, often slower on a CPU
    log_every: int = 10  # steps between two records
    eval_every: int | None = None  # steps between two validation losses; None: at the end only
    eval_windows: int = 64
    checkpoint_every: int | None = None  # steps between two checkpoints; None: at the end only
    seed: int = 0

    def __post_init__(self) -> None:
        if self.steps is None and self.max_seconds is None:
            raise ValueError(
                "TrainConfig got neither steps nor max_seconds; give one, e.g. TrainConfig(steps=1000)."
            )
        for name, may_be_none in _COUNTS.items():
            self._keep(name, _count, optional=may_be_none)
        self._keep("steps", lambda *value: whole(*value, least=0), optional=True)
        self._keep("seed", lambda *value: whole(*value, *SEEDS))
        for name, (needed, good) in _NUMBERS.items():
            self._keep(name, lambda *value, n=needed, g=good: number(*value, n, g))
        self._keep("max_seconds", lambda *value: number(*value, "above 0", lambda x: x > 0), optional=True)
        if self.steps is None and self.max_seconds == math.inf:
            raise wrong("TrainConfig", "max_seconds", self.max_seconds, "finite, or beside a number of steps")
        clipping = "above 0, or None for no clipping"
        self._keep("grad_clip", lambda *value: number(*value, clipping, lambda x: x > 0), optional=True)
        self._keep("betas", checked_betas)
        self._keep("decay_embeddings", flag)
        self._keep("schedule", lambda *value: choice(*value, SCHEDULES))
        self._keep("precision", lambda *value: choice(*value, PRECISIONS))

    def _keep(self, name: str, check: Callable[..., Any], optional: bool = False) -> None:
        """Look at a field, and keep it as Python's own kind of value."""
        value = getattr(self, name)
        if value is not None or not optional:
            object.__setattr__(self, name, check("TrainConfig", name, value))

    def fraction_done(self, step: float, seconds: float) -> float:
        """How much of the run has passed, between 0 and 1: by steps or by the clock, whichever is further."""
        step = number("fraction_done", "step", step, "0 or more", lambda x: 0 <= x < math.inf)
        seconds = number("fraction_done", "seconds", seconds, "0 or more", lambda x: 0 <= x < math.inf)
        by_steps = step / self.steps if self.steps else 0.0
        by_clock = seconds / self.max_seconds if self.max_seconds else 0.0
        return min(1.0, max(by_steps, by_clock))

    def rate(self, step: int, seconds: float) -> float:
        """The learning rate of a step as a factor of `lr`.

        A step stands for the stretch from `step` to `step + 1`. Taking its middle leaves no step at rate zero
        (but for the first, when only the clock counts).
        """
        step = whole("rate", "step", step, least=0)
        done = self.fraction_done(step + 0.5, seconds)
        return SCHEDULES[self.schedule](done, 1.0, self.warmup, self.final_lr)


@dataclass(frozen=True)
class Record:
    """One point of the curve; `train_loss` is the mean since the last record, in nats per token.

    >>> record = Record(step=10, train_loss=4.0, val_loss=None, lr=1e-3, tokens=640, seconds=2.0)
    >>> record.tokens / record.seconds  # tokens per second
    320.0
    """

    step: int
    train_loss: float
    val_loss: float | None
    lr: float
    tokens: int  # seen so far
    seconds: float


@dataclass(frozen=True)
class Moment:
    """Where a training stands after a step; what callbacks get to see at every step.

    >>> moment = Moment(step=10, loss=4.0, lr=1e-3, tokens=640, seconds=2.0, fraction_done=0.25)
    >>> moment.seconds / moment.fraction_done  # how long the whole training takes at this pace
    8.0
    """

    step: int
    loss: float
    lr: float
    tokens: int
    seconds: float
    fraction_done: float


@dataclass(frozen=True)
class History:
    """All records of a training, resumed parts included, and how it ended.

    >>> history = History((Record(10, 4.0, None, 1e-3, 640, 0.5), Record(20, 3.0, 3.2, 1e-3, 1280, 1.0)))
    >>> history.steps, history.train_losses, history.val_losses, history.val_loss
    ((10, 20), (4.0, 3.0), (3.2,), 3.2)
    """

    records: tuple[Record, ...] = ()
    interrupted: bool = False

    @property
    def steps(self) -> tuple[int, ...]:
        """The step of each record."""
        return tuple(record.step for record in self.records)

    @property
    def train_losses(self) -> tuple[float, ...]:
        """The training loss of each record."""
        return tuple(record.train_loss for record in self.records)

    @property
    def val_steps(self) -> tuple[int, ...]:
        """The steps at which the validation loss was measured."""
        return tuple(record.step for record in self.records if record.val_loss is not None)

    @property
    def val_losses(self) -> tuple[float, ...]:
        """The validation losses, at `val_steps`."""
        return tuple(record.val_loss for record in self.records if record.val_loss is not None)

    @property
    def train_loss(self) -> float | None:
        """The last training loss."""
        return self.records[-1].train_loss if self.records else None

    @property
    def val_loss(self) -> float | None:
        """The last validation loss."""
        return self.val_losses[-1] if self.val_losses else None


class Callback(Protocol):
    """What a progress bar or a live curve looks like to the loop. Write only the methods you need.

    `on_step` and `on_record` may return True to end the training there (early stopping).

    >>> class GoodEnough:
    ...     def on_record(self, record, history):
    ...         return record.train_loss < 2.0
    >>> GoodEnough().on_record(Record(10, 1.5, None, 1e-3, 640, 2.0), History())
    True
    """

    def on_start(self, config: TrainConfig, history: History) -> None:
        """Before the first step; `history` holds the records so far if the training was resumed."""

    def on_step(self, moment: Moment) -> bool | None:
        """After every step."""

    def on_record(self, record: Record, history: History) -> bool | None:
        """After every record, which `history` includes."""

    def on_end(self, history: History) -> None:
        """After the last step, also after an interruption."""
