"""The verbs for a shell: `python -m course_lib doctor`, `train`, `generate`, `bench`, `progress`.

Puts the commands of `course_lib.shell` together. What they do is loaded only when a command runs, so that
`--help` is quick.
"""

import sys

from course_lib.shell import doctor

try:
    import typer
except ModuleNotFoundError:  # the packages are not installed: only the doctor can help
    sys.exit(doctor.report(quick=True))

from course_lib.shell import commands

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
    app(prog_name="python -m course_lib")


if __name__ == "__main__":
    main()
