"""`python -m course_lib`: the course's commands for a shell.

Puts the commands together. What they do is elsewhere, and is loaded only when a command runs.
"""

import sys

from course_lib import doctor

try:
    import typer
except ModuleNotFoundError:  # the packages are not installed: only the doctor can help
    sys.exit(doctor.report(quick=True))

from typing import Annotated

from course_lib import cli_model

DOCTOR_EXAMPLES = """
Examples:

\b
  python -m course_lib doctor
  python -m course_lib doctor --quick
      without the ten seconds in which the speed is measured
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

if __name__ == "__main__":
    app(prog_name="python -m course_lib")
