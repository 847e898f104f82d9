"""The verbs for a shell: `python -m course_lib doctor`, `train`, `generate`, `bench`, `progress`.

Puts the commands together. What they do is elsewhere, and is loaded only when a command runs, so that
`--help` is quick.
"""

import sys

from course_lib.shell import doctor

try:
    import typer
except ModuleNotFoundError:  # the packages are not installed: only the doctor can help
    sys.exit(doctor.report(quick=True))

from typing import Annotated

from course_lib.shell import train as cli_model
from course_lib.shell.bench import command as bench_command

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

app = typer.Typer(
    name="python -m course_lib",
    help="Large language models, built from nothing: the course's commands for a shell.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.command("doctor", epilog=DOCTOR_EXAMPLES)
def doctor_command(
    quick: Annotated[bool, typer.Option("--quick", help="Do not measure how fast this machine is.")] = False,
) -> None:
    """Say what is installed, which device, how fast, and what to do about what is missing."""
    raise typer.Exit(doctor.report(quick))


cli_model.register(app)
bench_command.register(app)


@app.command("progress", epilog=PROGRESS_EXAMPLES)
def progress_command() -> None:
    """Show which exercises are done."""
    from course_lib.exercises import progress

    typer.echo(progress())


def main() -> None:
    """Run the verb that the command line names."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # an old terminal shows ? for Chinese, and does not stop
    app(prog_name="python -m course_lib")


if __name__ == "__main__":
    main()
