"""The list of commands, with what their help shows at the end; and those that are only a few lines.

What a command does is loaded only when it runs.
"""

from __future__ import annotations

from typing import Annotated

import typer

from course_lib.shell import doctor
from course_lib.shell.bench.command import EXAMPLES as BENCH_EXAMPLES
from course_lib.shell.bench.command import bench
from course_lib.shell.common import clear_errors
from course_lib.shell.fetch import FETCH_EXAMPLES, fetch
from course_lib.shell.generate import GENERATE_EXAMPLES, generate
from course_lib.shell.train import TRAIN_EXAMPLES, train

DOCTOR_EXAMPLES = """
Examples:

\b
  python -m course_lib doctor
  python -m course_lib doctor --quick
      without the ten seconds in which the speed is measured
"""

PROGRESS_EXAMPLES = """
Example:

\b
  python -m course_lib progress
"""

REVIEW_EXAMPLES = """
Examples:

\b
  python -m course_lib review
  python -m course_lib review --most 3
      for a day with little time
"""


def register(app: typer.Typer) -> None:
    """Add every command of the course to an application.

    >>> app = typer.Typer()
    >>> register(app)
    >>> [command.name for command in app.registered_commands]
    ['doctor', 'fetch', 'train', 'generate', 'bench', 'progress', 'review']
    """
    app.command("doctor", epilog=DOCTOR_EXAMPLES)(examine)
    app.command("fetch", epilog=FETCH_EXAMPLES)(fetch)
    app.command("train", epilog=TRAIN_EXAMPLES)(train)
    app.command("generate", epilog=GENERATE_EXAMPLES)(generate)
    app.command("bench", epilog=BENCH_EXAMPLES)(bench)
    app.command("progress", epilog=PROGRESS_EXAMPLES)(progress)
    app.command("review", epilog=REVIEW_EXAMPLES)(review)


def examine(
    quick: Annotated[bool, typer.Option("--quick", help="Do not measure how fast this machine is.")] = False,
) -> None:
    """Say what is installed, which device, how fast, and what to do about what is missing."""
    with clear_errors():
        raise typer.Exit(doctor.report(quick))


def progress() -> None:
    """Show which exercises are done, and what to repeat today."""
    from course_lib.exercises import progress

    with clear_errors():
        typer.echo(progress())


def review(
    most: Annotated[int, typer.Option("--most", help="How many exercises and questions at most.")] = 10,
) -> None:
    """Say what is worth repeating today, judging by how it went."""
    from course_lib.exercises import review

    with clear_errors():
        typer.echo(review(most))
