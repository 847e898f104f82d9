"""The shell command `train`: options in, a trained model and its tokenizer in files.

It shows a progress bar and turns a person's mistake into one sentence. What it calls is imported only when it
runs, so that `--help` is quick.
"""

from __future__ import annotations

import contextlib
import signal
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    import torch

    from course_lib.model import GPT
    from course_lib.tokens import BPETokenizer
    from course_lib.training import History, Moment, Record, TrainConfig
from course_lib.shell.common import clear_errors, load_tokenizer, own_tokenizer_folder

TRAIN_EXAMPLES = """
Examples:

\b
  python -m course_lib train
      a minute on the little world
  python -m course_lib train --preset small --minutes 10 --out small.safetensors
  python -m course_lib train --corpus my_notes.txt --steps 2000 --seed 7
  python -m course_lib train --minutes 10 --resume
      go on after Ctrl-C
"""


def train(
    corpus: Annotated[
        str, typer.Option(help="A corpus by name (world, world-en, ...) or a path to a text file.")
    ] = "world",
    preset: Annotated[str, typer.Option(help="The shape of the model: tiny, small, base, ...")] = "tiny",
    minutes: Annotated[
        float | None, typer.Option(help="Stop after so many minutes; 1 if no steps are given either.")
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Stop after so many steps.")] = None,
    out: Annotated[Path, typer.Option(help="Where to save the model.")] = Path("my_model.safetensors"),
    tokenizer: Annotated[
        Path | None,
        typer.Option(
            help="A tokenizer's folder; if not given, the course's for the little world, else a new one."
        ),
    ] = None,
    vocab_size: Annotated[int, typer.Option(help="Entries of a newly trained tokenizer.")] = 2048,
    batch_size: Annotated[int, typer.Option(help="Windows per step.")] = 8,
    context: Annotated[
        int | None, typer.Option(help="Tokens per window; if not given, the preset's.")
    ] = None,
    lr: Annotated[
        float, typer.Option(help="The highest learning rate; the matrices inside the layers have their own.")
    ] = 2e-2,
    seed: Annotated[int, typer.Option(help="Same seed and same steps, same model.")] = 0,
    device: Annotated[
        str | None, typer.Option(help="cpu, cuda or mps; if not given, the best there is.")
    ] = None,
    half: Annotated[bool, typer.Option("--half", help="Save in half precision: half the file.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a training that was stopped.")] = False,
) -> None:
    """Train a GPT and save it; Ctrl-C stops and saves, --resume goes on."""
    with _stopped_at_once(), clear_errors():
        from course_lib.runtime import locked
        from course_lib.training import TrainConfig

        out, checkpoint = _checked_places(out, resume)
        if minutes is None and steps is None:
            minutes = 1.0
        shape = {} if context is None else {"context_length": context}
        config = TrainConfig(
            steps=steps,
            max_seconds=None if minutes is None else 60 * minutes,
            batch_size=batch_size,
            context_length=_context_of(preset, shape),
            lr=lr,
            schedule="linear",
            seed=seed,
            log_every=20,
            eval_every=200,
            checkpoint_every=200,
        )
        _check_device(device)
        with locked(out, "give this training another --out, or wait until the other one has ended"):
            ids, val_ids, words = _read_corpus(corpus, tokenizer, vocab_size)
            _check_lengths(ids, val_ids, config.context_length)
            model = _new_model(preset, {**shape, "vocab_size": words.vocab_size}, seed, device, words)
            data = _windows(ids, words.end_id, config)
            history = _train(model, data, val_ids, config, checkpoint, resume)
            about = {"corpus": corpus, "preset": preset, "seed": seed, **_summary(history)}
            _save(model, words, out, half, about)
            if not history.interrupted:
                checkpoint.unlink(missing_ok=True)
        typer.echo(_result(history, out))
        if history.interrupted:
            _deaf_to_ctrl_c()


@contextlib.contextmanager
def _stopped_at_once() -> Iterator[None]:
    """Say in a line what a second Ctrl-C did; however many come after it, no traceback does."""
    try:
        yield
    except KeyboardInterrupt:
        _deaf_to_ctrl_c()
        typer.echo("\nStopped at once; what was saved before is as it was.", err=True)
        raise typer.Exit(130) from None


def _deaf_to_ctrl_c() -> None:
    """Nothing is left but the end of the program, and that can't be hurried."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _checked_places(out: Path, resume: bool) -> tuple[Path, Path]:
    """Where the model and the unfinished training go; whatever is in the way is said before the work."""
    from course_lib.files import as_path
    from course_lib.runtime import check_place

    out = as_path(out)
    if out.suffix != ".safetensors":
        raise ValueError(f"--out got {out}; its name must end in .safetensors, e.g. my_model.safetensors.")
    checkpoint, folder = out.with_suffix(".checkpoint"), own_tokenizer_folder(out)
    check_place(out)
    check_place(checkpoint)
    if resume and not checkpoint.exists():
        raise ValueError(
            f"There is nothing to resume: no file {checkpoint}; leave --resume away, or give the same --out."
        )
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file, but the tokenizer is to go to a folder of this name: move it.")
    return out, checkpoint


def _check_device(device: str | None) -> None:
    from course_lib import runtime

    runtime.device(device)


def _check_lengths(ids: torch.Tensor, val_ids: torch.Tensor | None, context: int) -> None:
    """Both parts of the text must hold a window; said here, and not when the training is over."""
    shortest = min(len(part) for part in (ids, val_ids) if part is not None)
    if shortest <= context:
        validation = "none" if val_ids is None else f"{len(val_ids):,}"
        raise ValueError(
            f"The text has {len(ids):,} tokens to learn from and {validation} to validate on, but a window "
            f"of {context} needs {context + 1} of each: give a longer text, or "
            f"--context {max(1, shortest - 1)}."
        )


def _context_of(preset: str, shape: dict[str, Any]) -> int:
    """The length of a preset's windows; a wrong name is said here, before the long work begins."""
    from course_lib.config import GPTConfig

    return GPTConfig.preset(preset, **shape).context_length


def _read_corpus(
    corpus: str, tokenizer_folder: Path | None, vocab_size: int
) -> tuple[torch.Tensor, torch.Tensor | None, BPETokenizer]:
    """The corpus as ids to train on and to validate on, and its tokenizer; nothing is written yet."""
    from course_lib.context import encode_documents
    from course_lib.data import load_corpus

    documents = load_corpus(corpus)
    tokenizer = _tokenizer_for(corpus, documents.train, tokenizer_folder, vocab_size)
    ids = encode_documents(documents.train, tokenizer)
    validation = encode_documents(documents.validation, tokenizer) if documents.validation else None
    typer.echo(f"{len(ids):,} tokens of {documents.name}.")
    return ids, validation, tokenizer


def _windows(ids: torch.Tensor, end_id: int, config: TrainConfig) -> Any:
    """What to draw batches from: documents, if a window holds about one or more of them, else anywhere."""
    from course_lib.context import document_batches

    documents = int((ids == end_id).sum()) - 1
    if len(ids) <= config.context_length or len(ids) / documents > config.context_length:
        return ids
    return document_batches(ids, end_id, config.batch_size, config.context_length)


def _new_model(
    preset: str, shape: dict[str, Any], seed: int, device: str | None, tokenizer: BPETokenizer
) -> GPT:
    from course_lib import runtime
    from course_lib.config import GPTConfig
    from course_lib.model import GPT
    from course_lib.training import tokenizer_fingerprint

    where = runtime.device(device)
    model = GPT(GPTConfig.preset(preset, **shape), generator=runtime.seed(seed)).to(where)
    model.tokenizer_fingerprint = tokenizer_fingerprint(tokenizer)
    size = sum(weight.numel() for weight in model.parameters())
    typer.echo(f"A {preset} model with {size:,} parameters on {where}.")
    return model


def _train(
    model: GPT,
    ids: Any,
    val_ids: torch.Tensor | None,
    config: TrainConfig,
    checkpoint: Path,
    resume: bool,
) -> History:
    from course_lib import training

    try:
        with _warnings_in_a_line():
            history = training.train(
                model,
                ids,
                config,
                val_ids=val_ids,
                callbacks=[ProgressBar()],
                checkpoint_path=checkpoint,
                resume=resume,
                optimizer=training.make_muon,
            )
    except OSError as problem:
        if not hasattr(problem, "history"):
            raise
        history = problem.history  # the training itself is done, and the model can be saved
        typer.echo(f"Warning: {problem}", err=True)
    if history.interrupted:
        typer.echo(f"Stopped; the same command with --resume goes on from {checkpoint}.")
    return history


@contextlib.contextmanager
def _warnings_in_a_line() -> Iterator[None]:
    """What Python would tell with a file and a line of code, a person hears in a sentence."""

    def say(message: Warning | str, category: type[Warning], *where: Any) -> None:
        typer.echo(f"Warning: {message}", err=True)

    with warnings.catch_warnings():
        warnings.showwarning = say
        yield


def _save(model: GPT, tokenizer: BPETokenizer, out: Path, half: bool, about: dict[str, Any]) -> None:
    """Write the model and its tokenizer; if the model can't be written, the tokenizer of before stays."""
    import torch

    from course_lib.runtime import atomic_folder
    from course_lib.training import save_model

    with atomic_folder(own_tokenizer_folder(out)) as folder:
        tokenizer.save(folder)
        try:
            save_model(out, model, torch.float16 if half else None, about, tokenizer)
        except ValueError as problem:
            if not half:
                raise
            typer.echo(f"{problem} It is saved in full precision.")
            save_model(out, model, None, about, tokenizer)


def _summary(history: History) -> dict[str, Any]:
    last = history.records[-1] if history.records else None
    return {
        "steps": last.step if last else 0,
        "seconds": round(last.seconds, 1) if last else 0.0,
        "train_loss": history.train_loss,
        "val_loss": history.val_loss,
    }


def _result(history: History, out: Path) -> str:
    named = (("training", history.train_loss), ("validation", history.val_loss))
    losses = [f"{name} loss {loss:.3f}" for name, loss in named if loss is not None]
    return f"Saved {out}. Nats per token: {', '.join(losses) or 'nothing was measured'}."


def _tokenizer_for(
    corpus: str, documents: tuple[str, ...], folder: Path | None, vocab_size: int
) -> BPETokenizer:
    """The one that was asked for; for the little world the course's own; else a new one for this text."""
    from course_lib.data import is_world
    from course_lib.files import as_path
    from course_lib.runtime import data_dir
    from course_lib.tokens import BPETokenizer

    shipped = data_dir() / "tokenizer"
    if folder is None and is_world(corpus) and shipped.is_dir():
        folder = shipped
    if folder is not None:
        return load_tokenizer(as_path(folder))
    typer.echo(f"Training a tokenizer of {vocab_size:,} entries ...")
    return BPETokenizer.train(documents, vocab_size)


class ProgressBar:
    """A callback for `training.train` that shows a bar on the terminal (tqdm, on stderr)."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._losses = ""

    def on_start(self, config: TrainConfig, history: History) -> None:
        """Draw the empty bar."""
        from tqdm import tqdm

        self._bar = tqdm(total=100, bar_format="{percentage:3.0f}%|{bar}| {elapsed}<{remaining} {postfix}")

    def on_step(self, moment: Moment) -> None:
        """Move the bar, which draws itself a few times a second only."""
        self._bar.set_postfix_str(f"step {moment.step}{self._losses}", refresh=False)
        self._bar.update(100 * moment.fraction_done - self._bar.n)

    def on_record(self, record: Record, history: History) -> None:
        """Show the last losses."""
        validation = "" if history.val_loss is None else f" validation {history.val_loss:.3f}"
        self._losses = f" loss {record.train_loss:.3f}{validation}"

    def on_end(self, history: History) -> None:
        """Leave the bar as it stands."""
        self._bar.close()
