"""What several commands share: mistakes said in one sentence, and where a model's tokenizer lies."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from course_lib.files import as_path, shown

if TYPE_CHECKING:
    from course_lib.tokens import BPETokenizer


@contextlib.contextmanager
def clear_errors() -> Iterator[None]:
    """Say a person's mistake in one sentence on stderr and leave with exit code 1, without a traceback.

    That nobody reads the output any more, as after `| head`, is no mistake.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except MemoryError:
        typer.echo("Error: There is not enough memory for this; take a smaller model or batch.", err=True)
        raise typer.Exit(1) from None
    except RuntimeError as problem:
        if "memory" not in str(problem):
            raise
        typer.echo("Error: There is not enough memory for this; take a smaller model or batch.", err=True)
        raise typer.Exit(1) from None
    except (ValueError, OSError, FloatingPointError) as problem:
        typer.echo(f"Error: {in_a_sentence(problem)}", err=True)
        raise typer.Exit(1) from None


def in_a_sentence(problem: Exception) -> str:
    """What an error says to a person; one of the system's that names no file is of the output.

    >>> in_a_sentence(OSError(28, "No space left on device"))
    "The output can't be written (No space left on device); send it to another place, or make room there."
    """
    if isinstance(problem, OSError) and problem.strerror and problem.filename is None:
        return (
            f"The output can't be written ({problem.strerror}); send it to another place, or make room there."
        )
    return str(problem)


def load_tokenizer(folder: Path) -> BPETokenizer:
    from course_lib.tokens import BPETokenizer

    folder = as_path(folder)
    if not os.path.isdir(folder):  # also for a name that is too long to be one
        name = folder if len(str(folder)) <= 300 else shown(folder)
        raise ValueError(f"There is no tokenizer folder {name}; give one that `train` wrote.")
    return BPETokenizer.load(folder)


def own_tokenizer_folder(model_path: Path) -> Path:
    """A model's tokenizer lies beside it, in a folder of the same name."""
    return model_path.with_suffix(".tokenizer")
