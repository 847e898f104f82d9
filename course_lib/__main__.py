"""The verbs for a shell, `python -m course_lib ...`: `doctor`, `train`, `progress` and their neighbours.

Puts the commands of `course_lib.shell` together. What they do is loaded only when a command runs, so that
`--help` is quick.
"""

import os
import signal
import sys
from types import FrameType

from course_lib.shell import doctor

try:
    import typer
except ModuleNotFoundError:  # the packages are not installed: only the doctor can help
    sys.exit(doctor.report(quick=True))

from course_lib.shell import commands
from course_lib.shell.common import in_a_sentence

app = typer.Typer(
    name="python -m course_lib",
    help="Large language models, built from nothing: the course's commands for a shell.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
commands.register(app)


def main() -> None:
    """Run the verb that the command line names."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # an old terminal shows ? for Chinese, and does not stop
    if callable(signal.getsignal(signal.SIGINT)):
        signal.signal(signal.SIGINT, _interrupt)
    try:
        _check_folder()
        app(prog_name="python -m course_lib")
    except KeyboardInterrupt:  # pressed again while the first was being answered
        sys.exit(130)
    except OSError as problem:  # as of an output that takes nothing
        if not isinstance(problem, BrokenPipeError):
            sys.exit(f"Error: {in_a_sentence(problem)}")
    finally:
        _let_go_of_output()


def _check_folder() -> None:
    """Nothing runs in a folder that was removed: torch ends such a Python without a word of the reason."""
    try:
        os.getcwd()
    except OSError:
        sys.exit("Error: The folder that this shell is in was removed; change into another, such as cd ~.")


def _interrupt(number: int, frame: FrameType | None) -> None:
    """What Ctrl-C does: the first time as usual, and then, at once, the end."""
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    raise KeyboardInterrupt


def _let_go_of_output() -> None:
    """Write what is still held back; if nobody reads it any more, as after `| head`, say nothing of it."""
    try:
        sys.stdout.flush()
    except OSError as problem:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(problem, BrokenPipeError):
            sys.exit(f"Error: {in_a_sentence(problem)}")


if __name__ == "__main__":
    main()
