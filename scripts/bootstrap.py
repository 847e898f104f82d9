"""Makes the course's environment and starts things in it; needs nothing but Python itself.

    python scripts/bootstrap.py lab              make .venv if needed, open JupyterLab
    python scripts/bootstrap.py test [args]      make .venv with the test tools, run everything; args go to pytest
    python scripts/bootstrap.py env              make .venv only
    python scripts/bootstrap.py run CMD ...      run a command of the environment

COURSE_TORCH=cuda takes the CUDA build of PyTorch on Linux (several GB); the default is the CPU build.
COURSE_VENV names another folder than .venv.

An interrupted install leaves no stamp behind, so the next call goes on where it stopped.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = Path(os.environ.get("COURSE_VENV") or ROOT / ".venv")
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
OLDEST, NEWEST = (3, 11), (3, 13)
TORCH = "2.13.0"
CPU_WHEELS = "https://download.pytorch.org/whl/cpu"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge")
BROWSER_PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)


def stop(message: str) -> None:
    sys.exit(f"\n{message}")


def say(message: str) -> None:
    print(message, flush=True)


# ---------------------------------------------------------------- which Python


def use_a_fitting_python() -> None:
    """Go on with another Python on the PATH if this one is too old or too new."""
    if OLDEST <= sys.version_info[:2] <= NEWEST:
        return
    for minor in range(NEWEST[1], OLDEST[1] - 1, -1):
        other = shutil.which(f"python3.{minor}")
        if other and subprocess.run([other, "-c", ""], capture_output=True).returncode == 0:
            sys.exit(subprocess.run([other, *sys.argv]).returncode)
    found = ".".join(map(str, sys.version_info[:2]))
    stop(f"This is Python {found}, but the course needs Python 3.11, 3.12 or 3.13: install one from python.org or your package manager.")


# ---------------------------------------------------------------- the environment


def stamp_text(extra: str) -> str:
    """What the installed environment must have been made from."""
    digest = hashlib.sha256()
    for name in ("pyproject.toml", "constraints.txt"):
        digest.update((ROOT / name).read_bytes())
    variant = os.environ.get("COURSE_TORCH", "cpu")
    return f"{digest.hexdigest()} {sys.version_info[:2]} {variant} {extra}"


def ensure(extra: str = "") -> None:
    """Make the environment, or finish it, unless it is complete already. `extra` is "" or "test"."""
    stamps = {name: VENV / f"complete-{name or 'course'}" for name in ("", "test")}
    wanted = stamps[extra]
    if wanted.exists() and wanted.read_text() == stamp_text(extra) and works():
        return
    if not works():
        make_venv()
    say("Installing the course's packages into .venv (some minutes the first time) ...")
    install_torch()
    target = f"{ROOT}[{extra}]" if extra else str(ROOT)
    pip("-c", str(ROOT / "constraints.txt"), "-e", target)
    wanted.write_text(stamp_text(extra))


def works() -> bool:
    """Whether the environment's Python and pip can be run."""
    return PYTHON.exists() and subprocess.run([PYTHON, "-m", "pip", "--version"], capture_output=True).returncode == 0


def make_venv() -> None:
    if VENV.exists():
        say("Removing an unfinished .venv ...")
        shutil.rmtree(VENV)
    say("Making .venv ...")
    try:
        import ensurepip  # noqa: F401  (Debian and Ubuntu take it out of Python)
    except ImportError:
        apt_install("python3-venv", "Python's venv module is missing: run `sudo apt-get install python3-venv`, then this again.")
    result = subprocess.run([sys.executable, "-m", "venv", str(VENV)])
    if result.returncode:
        stop("Python could not make a virtual environment: on Debian or Ubuntu run `sudo apt-get install python3-venv`, then this again.")


def pip(*arguments: str, quiet_failure: bool = False) -> bool:
    """Run pip; on failure stop with one sentence, or return False if that is allowed."""
    command = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *arguments]
    if quiet_failure:
        return subprocess.run(command, capture_output=True).returncode == 0
    if subprocess.run(command).returncode:
        stop("pip could not install everything (see above). If the connection broke, run the same command again: it goes on from here.")
    return True


def install_torch() -> None:
    """PyTorch first, so that nothing else pulls in a build that was not asked for."""
    if subprocess.run([PYTHON, "-c", f"import torch; assert torch.__version__.startswith('{TORCH}')"], capture_output=True).returncode == 0:
        if wrong_build():
            say("Changing the build of PyTorch ...")
        else:
            return
    if not sys.platform.startswith("linux") or os.environ.get("COURSE_TORCH") == "cuda":
        pip("--upgrade", f"torch=={TORCH}")
        return
    cpu = f"torch=={TORCH}+cpu"  # PyPI's build for Linux is the CUDA one; this name can only be the CPU build
    if pip(cpu, quiet_failure=True) or pip(cpu, "--index-url", CPU_WHEELS, quiet_failure=True):
        return
    if pip(cpu, "--extra-index-url", CPU_WHEELS, quiet_failure=True):
        return
    stop(
        f"PyTorch's CPU build ({cpu}) could not be fetched from {CPU_WHEELS}: check the connection and run this again, "
        "or set COURSE_TORCH=cuda to take the CUDA build from PyPI."
    )


def wrong_build() -> bool:
    """Whether a CUDA build was asked for and a CPU build is there, or the other way round."""
    if not sys.platform.startswith("linux"):
        return False
    probe = subprocess.run([PYTHON, "-c", "import torch; print(torch.version.cuda)"], capture_output=True, text=True)
    return (probe.stdout.strip() != "None") != (os.environ.get("COURSE_TORCH") == "cuda")


def apt_install(packages: str, otherwise: str) -> None:
    """Install Debian packages as root (or with a sudo that asks nothing); else stop with a sentence."""
    apt = shutil.which("apt-get")
    sudo: list[str] | None = None
    if apt and hasattr(os, "geteuid"):
        if os.geteuid() == 0:
            sudo = []
        elif shutil.which("sudo") and subprocess.run(["sudo", "-n", "true"], capture_output=True).returncode == 0:
            sudo = ["sudo", "-n"]
    if sudo is None:
        stop(otherwise)
    say(f"Installing {packages} ...")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run([*sudo, apt, "update", "-qq"], env=quiet)
    if subprocess.run([*sudo, apt, "install", "-y", "-qq", *packages.split()], env=quiet, stdout=subprocess.DEVNULL).returncode:
        stop(otherwise)


# ---------------------------------------------------------------- the commands


def find_browser() -> str | None:
    """A Chromium, Chrome or Edge on this machine."""
    named = os.environ.get("COURSE_BROWSER")
    found = [shutil.which(name) for name in ((named,) if named else BROWSERS)]
    return next((path for path in found if path), None) or next((p for p in BROWSER_PLACES if Path(p).exists()), None)


def environment() -> dict[str, str]:
    """The variables for a command in the environment: as if it had been activated."""
    changed = {**os.environ, "VIRTUAL_ENV": str(VENV), "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}"}
    changed.pop("PYTHONHOME", None)
    return changed


def run(*command: str, **more: str) -> int:
    try:
        return subprocess.run([str(c) for c in command], cwd=ROOT, env={**environment(), **more}).returncode
    except KeyboardInterrupt:
        return 130


def lab(*arguments: str) -> int:
    """JupyterLab on notebook 00; without a screen it prints the address with its token."""
    ensure()
    screen = sys.platform in ("darwin", "win32") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    options = [] if screen else ["--no-browser"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.append("--allow-root")
    return run(PYTHON, "-m", "jupyterlab", "notebooks/00_start_here.ipynb", *options, *arguments)


def test(*arguments: str) -> int:
    """ruff, then pytest with everything."""
    ensure("test")
    if not arguments and find_browser() is None and sys.platform.startswith("linux"):
        apt_install("chromium", "The browser test needs Chromium or Chrome: install one, for example `sudo apt-get install chromium`.")
    for check in (("ruff", "check", "."), ("ruff", "format", "--check", "--quiet", ".")):
        if not arguments and (code := run(BIN / check[0], *check[1:])):
            say("ruff found something to tidy up (see above): `make format` mends most of it.")
            return code
    # Two test processes on two cores: one thread each, or they wait for one another.
    return run(PYTHON, "-m", "pytest", *arguments, OMP_NUM_THREADS="1", JUPYTER_PLATFORM_DIRS="1")


def env(*_: str) -> int:
    ensure()
    return 0


def run_command(*command: str) -> int:
    ensure("test")
    return run(shutil.which(command[0], path=environment()["PATH"]) or command[0], *command[1:])


def main() -> int:
    commands = {"lab": lab, "test": test, "env": env, "run": run_command}
    if len(sys.argv) < 2 or sys.argv[1] not in commands:
        stop(__doc__)
    use_a_fitting_python()
    return commands[sys.argv[1]](*sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
