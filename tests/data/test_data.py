"""Corpora: splits, a learner's own file and its encodings, downloads over a real (local) server that
misbehaves."""

import contextlib
import errno
import hashlib
import http.server
import os
import re
import subprocess
import sys
import threading
import time
from concurrent import futures

import pytest
from filelock import FileLock
from hypothesis import example, given
from hypothesis import strategies as st

from course_lib import data
from course_lib.data import (
    END_OF_TEXT,
    VALIDATION_EVERY,
    Corpus,
    corpora,
    download,
    is_world,
    load_corpus,
    read_documents,
    write_documents,
)
from course_lib.data.download import DownloadError, RemoteFile, fetch

CONTENT = bytes(range(32, 127)) * 20_000  # 1.9 MB: a cut falls between two blocks


# --- a server on this machine


class Server(http.server.BaseHTTPRequestHandler):
    """Serves `content`; can ignore ranges, answer with a code, cut the connection, send no length or a wrong
    one, lead elsewhere, stop in the middle, or hardly go on, also in the head."""

    content, ranges, code, cut_after, length, location = CONTENT, True, 200, None, True, None
    stall_after, drip_after, drips_head = None, None, False

    def do_GET(self):
        log = self.server.log
        log.append(self.headers.get("Range"))
        behaviour = self.server.behaviour
        settings = behaviour.pop(0) if behaviour else {}
        get = lambda name: settings.get(name, getattr(Server, name))  # noqa: E731
        if get("drips_head"):
            with contextlib.suppress(OSError):
                self.wfile.write(b"HTTP/1.0 200 OK\r\nX: ")
                while not self.server.ended.wait(0.02):
                    self.wfile.write(b"x")
            return None
        body, start = get("content"), 0
        if get("location") is not None:
            self.send_response(302)
            self.send_header("Location", get("location"))
            return self.end_headers()
        if get("code") != 200:
            return self.send_error(get("code"))
        if get("ranges") and self.headers.get("Range"):
            start = int(self.headers["Range"].removeprefix("bytes=").rstrip("-"))
            if start >= len(body):
                return self.send_error(416)
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        else:
            self.send_response(200)
        body = body[start:]
        if get("length"):
            self.send_header("Content-Length", str(len(body)) if get("length") is True else get("length"))
        self.end_headers()
        stop = get("cut_after") or get("stall_after") or get("drip_after")
        with contextlib.suppress(OSError):
            self.wfile.write(body[:stop])
            if get("stall_after"):
                self.server.ended.wait(20)
            for byte in body[stop:] if get("drip_after") else b"":
                self.wfile.write(bytes([byte]))
                if self.server.ended.wait(0.02):
                    return

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as running:
        running.log, running.behaviour, running.ended = [], [], threading.Event()
        running.url = f"http://127.0.0.1:{running.server_port}/file.txt"
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.ended.set()
        running.shutdown()
        thread.join()


def remote(*urls, content=CONTENT, name="file.txt"):
    return RemoteFile(name, urls, hashlib.sha256(content).hexdigest(), len(content))


def nothing_but(folder, *names):
    assert sorted(path.name for path in folder.iterdir()) == sorted(names)


@pytest.fixture
def nobody(monkeypatch):
    """An address on this machine where nobody answers."""
    monkeypatch.setenv("no_proxy", "*")
    with http.server.HTTPServer(("127.0.0.1", 0), Server) as gone:
        port = gone.server_port
    return f"http://127.0.0.1:{port}/file.txt"


def test_a_download_is_checked_and_kept(server, tmp_path):
    path = fetch(remote(server.url), tmp_path / "deep" / "cache")
    assert path.read_bytes() == CONTENT
    assert fetch(remote(server.url), tmp_path / "deep" / "cache") == path
    assert server.log == [None]  # one request in all
    nothing_but(path.parent, "file.txt")


@pytest.mark.parametrize("length", [True, False])
def test_a_cut_download_goes_on_where_it_stopped(server, tmp_path, length):
    server.behaviour = [{"cut_after": 1_000_000, "length": length}, {"cut_after": 500_000}]
    path = fetch(remote(server.url), tmp_path, wait=0)
    assert path.read_bytes() == CONTENT
    first, second, third = server.log
    assert first is None
    assert (second, third) == ("bytes=1000000-", "bytes=1500000-")
    nothing_but(tmp_path, "file.txt")


def test_the_next_call_goes_on_too(server, tmp_path):
    server.behaviour = [{"cut_after": 1_000_000}]
    says = r"file.txt could not be downloaded \(.*was cut\). The first 1,000,000 of 1,900,000 bytes are kept"
    with pytest.raises(DownloadError, match=says):
        fetch(remote(server.url), tmp_path, tries=1)
    nothing_but(tmp_path, "file.txt.part")
    assert fetch(remote(server.url), tmp_path).read_bytes() == CONTENT
    assert server.log == [None, "bytes=1000000-"]


def test_a_server_without_ranges_starts_again(server, tmp_path):
    server.behaviour = [{"cut_after": 1_000_000}, {"ranges": False}]
    assert fetch(remote(server.url), tmp_path, wait=0).read_bytes() == CONTENT
    assert server.log == [None, "bytes=1000000-"]


@pytest.mark.parametrize(
    "left", [b"something else", CONTENT[:-1] + b"?", CONTENT + b"more", CONTENT, b"", CONTENT[:7]]
)
def test_whatever_is_left_from_before_the_result_is_right(server, tmp_path, left):
    (tmp_path / "file.txt.part").write_bytes(left)
    assert fetch(remote(server.url), tmp_path).read_bytes() == CONTENT
    assert len(server.log) == {CONTENT: 0, b"something else": 2}.get(left, 1)
    nothing_but(tmp_path, "file.txt")


def test_a_server_that_refuses_the_range(server, tmp_path):
    (tmp_path / "file.txt.part").write_bytes(b"abc")
    server.behaviour = [{"code": 416}]
    assert fetch(remote(server.url), tmp_path).read_bytes() == CONTENT
    assert server.log == ["bytes=3-", None]


def test_a_damaged_file_in_the_cache_is_replaced(server, tmp_path):
    (tmp_path / "file.txt").write_bytes(CONTENT[:-1])
    assert fetch(remote(server.url), tmp_path).read_bytes() == CONTENT
    nothing_but(tmp_path, "file.txt", "file.txt.wrong")


@pytest.mark.parametrize("other", [b"<html>please log in</html>", CONTENT[:-1] + b"!", CONTENT * 3])
def test_another_file_is_set_aside_and_named(server, tmp_path, other):
    server.behaviour = [{"content": other}]
    with pytest.raises(
        DownloadError, match="another file there, with SHA-256 .*; it is set aside as file.txt.wrong"
    ):
        fetch(remote(server.url), tmp_path, wait=0)
    nothing_but(tmp_path, "file.txt.wrong")
    assert len(server.log) == 1  # asking again would bring the same
    assert (tmp_path / "file.txt.wrong").stat().st_size <= len(CONTENT) + download.BLOCK


def test_not_found(server, tmp_path):
    server.behaviour = [{"code": 404}] * 9
    with pytest.raises(DownloadError, match=r"/file.txt: the server answers 404, Not Found\)\.$"):
        fetch(remote(server.url), tmp_path, wait=0)
    assert len(server.log) == 1
    nothing_but(tmp_path)


def test_a_busy_server_is_asked_again(server, tmp_path):
    server.behaviour = [{"code": 503}, {"code": 429}]
    assert fetch(remote(server.url), tmp_path, wait=0).read_bytes() == CONTENT
    server.behaviour = [{"code": 503}] * 9
    with pytest.raises(DownloadError, match="answers 503"):
        fetch(remote(server.url, name="other.txt"), tmp_path, wait=0)
    assert len(server.log) == 3 + 3


def test_a_second_address_helps(server, nobody, tmp_path):
    assert fetch(remote(nobody, server.url), tmp_path).read_bytes() == CONTENT


def test_no_network(nobody, tmp_path):
    with pytest.raises(DownloadError, match="the connection is refused"):
        fetch(remote(nobody), tmp_path)
    nothing_but(tmp_path)


def test_no_answer_in_time(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        file = remote(f"http://127.0.0.1:{silent.getsockname()[1]}/")
        with pytest.raises(DownloadError, match="no answer in time"):
            fetch(file, tmp_path, tries=2, wait=0, timeout=0.1)


def test_an_unknown_address(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")

    def lookup(*args, **kwargs):
        import socket

        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr("socket.getaddrinfo", lookup)
    with pytest.raises(DownloadError, match="the address is not found, perhaps there is no network"):
        fetch(remote("http://somewhere.example/file.txt"), tmp_path)


def test_a_stall_loses_nothing_that_came(server, tmp_path):
    server.behaviour = [{"stall_after": 100_001}]
    assert fetch(remote(server.url), tmp_path, wait=0, timeout=0.5).read_bytes() == CONTENT
    assert server.log == [None, "bytes=100001-"]


@pytest.mark.parametrize("length", [True, False])
def test_a_download_that_only_drips_is_given_up(server, tmp_path, length):
    server.behaviour = [{"drip_after": 50_000, "length": length}] * 2
    with pytest.raises(
        DownloadError, match="no answer in time.*The first 100,... of 1,900,000 bytes are kept"
    ):
        fetch(remote(server.url), tmp_path, tries=2, wait=0, timeout=0.3)
    assert fetch(remote(server.url), tmp_path).read_bytes() == CONTENT


def test_a_head_that_only_drips_is_given_up(server, tmp_path):
    server.behaviour = [{"drips_head": True}]
    with pytest.raises(DownloadError, match="no answer in time"):
        fetch(remote(server.url), tmp_path, tries=1, timeout=0.1)
    server.behaviour = [{"drips_head": True}]
    assert fetch(remote(server.url), tmp_path, tries=2, wait=0, timeout=0.2).read_bytes() == CONTENT


@pytest.mark.parametrize("length", ["many", "-5", "", "1e6", "9" * 30, "²", "0x10"])
def test_a_length_that_is_none(server, tmp_path, length):
    server.behaviour = [{"length": length}] * 3
    path = fetch(remote(server.url), tmp_path, wait=0)
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("location", "says"),
    [
        ("http://[::1", "it leads to an address that is none"),
        ("http://127.0.0.1:many/x", "it leads to an address that is none"),
        ("file:///etc/passwd", "the server answers 302"),
        ("data:text/plain,abc", "the server answers 302"),
        ("/file.txt", "the server answers 302, .*infinite loop"),
        ("", "the server answers 302"),
        ("http:///nowhere", "the server answers 302"),
        ("gopher://127.0.0.1/", "the server answers 302"),
    ],
)
def test_a_redirect_that_leads_nowhere(server, tmp_path, location, says):
    server.behaviour = [{"location": location}] * 40
    with pytest.raises(DownloadError, match=says) as caught:
        fetch(remote(server.url), tmp_path, wait=0)
    assert "\n" not in str(caught.value)
    nothing_but(tmp_path)


def test_a_redirect_is_followed(server, tmp_path):
    server.behaviour = [{"location": server.url}]
    assert fetch(remote(server.url), tmp_path).read_bytes() == CONTENT


def test_an_address_that_is_none(tmp_path):
    with pytest.raises(DownloadError, match="it leads to an address that is none"):
        fetch(remote("no address"), tmp_path)


# Several at once


def test_of_several_threads_one_downloads(server, tmp_path):
    with futures.ThreadPoolExecutor(8) as pool:
        paths = list(pool.map(lambda _: fetch(remote(server.url), tmp_path), range(8)))
    assert {path.read_bytes() for path in paths} == {CONTENT}
    assert server.log == [None]
    nothing_but(tmp_path, "file.txt")


FETCH = """
import sys
from course_lib.data.download import DownloadError, RemoteFile, fetch
name, url, sha256, size, folder = sys.argv[1:]
try:
    fetch(RemoteFile(name, (url,), sha256, int(size)), folder, wait=0, timeout=20)
except DownloadError as error:
    sys.exit(str(error))
"""


def in_a_process(file, folder):
    arguments = [file.name, file.urls[0], file.sha256, str(file.size), str(folder)]
    return subprocess.Popen([sys.executable, "-c", FETCH, *arguments], stderr=subprocess.PIPE, text=True)


def test_of_several_programs_each_gets_the_right_file(server, tmp_path):
    """Some of which are cut in the middle, and one of which the server gives another file."""
    server.behaviour = [{"cut_after": 900_000}, {"content": CONTENT[::-1]}, {"cut_after": 300_000}]
    running = [in_a_process(remote(server.url), tmp_path) for _ in range(4)]
    ended = [process.communicate(timeout=60)[1] for process in running]
    assert sum("another file there" in said for said in ended) <= 1, ended
    assert fetch(remote(server.url), tmp_path).read_bytes() == CONTENT
    assert not list(tmp_path.glob(".*.lock")) and not list(tmp_path.glob("*.part"))


def test_a_program_that_is_killed_leaves_no_lock_behind(server, tmp_path):
    server.behaviour = [{"stall_after": 500_000}]
    process = in_a_process(remote(server.url), tmp_path)
    part = tmp_path / "file.txt.part"
    end = time.monotonic() + 30
    while not (part.exists() and part.stat().st_size) and time.monotonic() < end:
        time.sleep(0.02)
    process.kill()
    process.communicate()
    assert fetch(remote(server.url), tmp_path).read_bytes() == CONTENT
    nothing_but(tmp_path, "file.txt")


def test_a_lock_that_is_held_for_too_long_is_said(server, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "PATIENCE", 0.1)
    with (
        FileLock(tmp_path / ".file.txt.lock"),
        pytest.raises(DownloadError, match="another program has been downloading file.txt"),
    ):
        fetch(remote(server.url), tmp_path)


def test_the_rest_of_a_download_that_is_of_no_use_is_removed(server, tmp_path):
    (tmp_path / "file.txt").write_bytes(CONTENT)
    (tmp_path / "file.txt.part").write_bytes(CONTENT[:5])
    fetch(remote(server.url), tmp_path)
    nothing_but(tmp_path, "file.txt")


# Disks


def test_what_stands_in_the_way_is_said(server, tmp_path):
    (tmp_path / "cache").write_text("a file, not a folder")
    with pytest.raises(ValueError, match="cache is a file, not a folder"):
        fetch(remote(server.url), tmp_path / "cache")
    (tmp_path / "file.txt").mkdir()
    with pytest.raises(ValueError, match="file.txt is a folder; give the name of a file"):
        fetch(remote(server.url), tmp_path)
    (tmp_path / "other.txt.part").mkdir()
    with pytest.raises(ValueError, match="other.txt.part is a folder"):
        fetch(remote(server.url, name="other.txt"), tmp_path)
    assert not server.log


@pytest.mark.parametrize(
    ("problem", "says"),
    [
        (errno.ENOSPC, "No space left for .*file.txt: make room on the disk, and do it again"),
        (errno.EROFS, "file.txt may not be written .*: choose another folder"),
        (errno.EIO, "file.txt cannot be written .*: give another place"),
    ],
)
def test_a_full_disk_is_not_called_a_network_problem(server, tmp_path, monkeypatch, problem, says):
    def full(number):
        raise OSError(problem, os.strerror(problem))

    monkeypatch.setattr(download.os, "fsync", full)
    with pytest.raises(OSError, match=says) as caught:
        fetch(remote(server.url), tmp_path)
    assert not isinstance(caught.value, DownloadError)
    monkeypatch.undo()
    assert fetch(remote(server.url), tmp_path).read_bytes() == CONTENT


def test_a_cache_that_may_not_be_written(server, tmp_path, monkeypatch):
    (tmp_path / "file.txt").write_bytes(CONTENT)

    def refused(*args, **kwargs):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("filelock.FileLock.acquire", refused)
    assert fetch(remote(server.url), tmp_path).read_bytes() == CONTENT  # what is there can be read
    with pytest.raises(PermissionError, match="other.txt may not be written .*choose another folder"):
        fetch(remote(server.url, name="other.txt"), tmp_path)


@pytest.mark.skipif(os.name == "nt", reason="Windows makes links for some people only")
def test_a_link_in_the_place_of_the_file_stays(server, tmp_path):
    (tmp_path / "file.txt").symlink_to("disk/real.txt")
    assert fetch(remote(server.url), tmp_path).read_bytes() == CONTENT
    assert (tmp_path / "file.txt").is_symlink()
    assert (tmp_path / "disk" / "real.txt").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {"urls": "https://example.org/a.txt"},
            "urls got 'https://example.org/a.txt', needed a tuple of add",
        ),
        ({"urls": ()}, "urls got"),
        ({"name": "../a.txt"}, "name got '../a.txt', needed the name of a file, without a folder"),
        ({"name": ""}, "name got"),
        ({"sha256": "abc"}, "sha256 got 'abc', needed 64 hexadecimal digits"),
        ({"size": -1}, "size got -1"),
        ({"size": "3"}, "size got '3'"),
    ],
)
def test_a_description_of_a_file_that_is_none(changes, says):
    right = {"name": "a.txt", "urls": ("https://example.org/a.txt",), "sha256": "0" * 64, "size": 3}
    with pytest.raises(ValueError, match=says):
        RemoteFile(**{**right, **changes})


@pytest.mark.parametrize("options", [{"tries": 0}, {"wait": -1}, {"timeout": 0}, {"timeout": float("nan")}])
def test_tries_and_times_that_are_none(tmp_path, options):
    with pytest.raises(ValueError, match="needed at least one try, no negative wait and a timeout above 0"):
        fetch(remote("https://example.org/a.txt"), tmp_path, **options)


def test_a_large_download_shows_a_bar(server, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(download, "BAR_FROM", 1)
    fetch(remote(server.url), tmp_path)
    assert "file.txt: 100%" in capsys.readouterr().err
    monkeypatch.setitem(__import__("sys").modules, "tqdm", None)  # not installed
    assert fetch(remote(server.url, name="b.txt"), tmp_path).read_bytes() == CONTENT
    assert not capsys.readouterr().err


# --- the corpora that are downloaded


SHAKESPEARE = (
    "First Citizen:\nBefore we proceed any further, hear me speak.\n\nAll:\nSpeak, speak.\n\n" * 3
).encode()
STORIES = "".join(f"\nOnce upon a time {n}.\n\nThe end.\n{END_OF_TEXT}\n" for n in range(25)).encode()


def test_tiny_shakespeare(server, tmp_path, monkeypatch):
    monkeypatch.setattr(corpora, "TINY_SHAKESPEARE", remote(server.url, content=SHAKESPEARE, name="s.txt"))
    server.behaviour = [{"content": SHAKESPEARE}]
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path))
    corpus = load_corpus("tinyshakespeare")
    (train,), (validation,) = corpus.train, corpus.validation
    assert (train + validation).encode() == SHAKESPEARE
    assert len(train) == int(0.9 * len(SHAKESPEARE))  # the split of published results
    assert (tmp_path / "s.txt").exists()


def test_tiny_stories(server, tmp_path, monkeypatch):
    monkeypatch.setattr(corpora, "TINY_STORIES", remote(server.url, content=STORIES, name="t.txt"))
    server.behaviour = [{"content": STORIES}]
    corpus = load_corpus("tinystories", cache=tmp_path)
    assert len(corpus.train) == 23
    assert [story.split(".")[0] for story in corpus.validation] == [
        "\nOnce upon a time 9",
        "\nOnce upon a time 19",
    ]
    assert load_corpus("tinystories", cache=tmp_path) == corpus
    assert len(server.log) == 1


def test_without_a_network_the_alternatives_are_named(nobody, tmp_path, monkeypatch):
    monkeypatch.setattr(corpora, "TINY_SHAKESPEARE", remote(nobody, name="tinyshakespeare.txt"))
    with pytest.raises(ConnectionError) as caught:
        load_corpus("tinyshakespeare", cache=tmp_path)
    message = str(caught.value)
    assert "load_corpus('world') and load_corpus('pydoc') need no network" in message
    assert str(tmp_path / "tinyshakespeare.txt") in message
    assert "\n" not in message


@pytest.mark.parametrize("file", [data.TINY_SHAKESPEARE, data.TINY_STORIES])
def test_addresses_are_pinned_to_a_revision(file):
    assert len(file.sha256) == 64 and int(file.sha256, 16) and file.size > 1_000_000
    for url in file.urls:
        assert url.startswith("https://")
        assert any(len(part.rpartition("@")[2]) == 40 for part in url.split("/")), url


# --- the bundled corpora


def test_pydoc():
    corpus = load_corpus("pydoc")
    from pydoc_data.topics import topics

    assert len(corpus.train) + len(corpus.validation) == len(topics)
    assert not set(corpus.train) & set(corpus.validation)
    assert len(corpus.text()) > 300_000
    assert corpus.licence == "PSF-2.0"


def test_pydoc_that_was_left_out(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pydoc_data.topics", None)
    with pytest.raises(ValueError, match="without pydoc_data; use load_corpus"):
        load_corpus("pydoc")


@pytest.fixture
def little_world(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    (tmp_path / "world").mkdir()
    for split, count in (("train", 4), ("validation", 2), ("heldout", 1), ("strangers", 1)):
        for language, word in (("en", "story"), ("zh", "故事")):
            documents = [f"{split} {word} {n}" for n in range(count)]
            write_documents(tmp_path / "world" / f"{split}.{language}.txt", documents)
    return tmp_path / "world"


def test_world(little_world):
    both, english, chinese = load_corpus("world"), load_corpus("world-en"), load_corpus("world-zh")
    assert english.train == tuple(f"train story {n}" for n in range(4))
    assert both.train == tuple(doc for pair in zip(english.train, chinese.train, strict=True) for doc in pair)
    assert set(both.splits) == {"train", "validation", "heldout", "strangers"}
    assert both.text("heldout") == f"heldout story 0{END_OF_TEXT}heldout 故事 0{END_OF_TEXT}"
    assert (both.name, english.name) == ("world", "world-en")


def test_a_world_with_a_piece_missing(little_world):
    (little_world / "train.zh.txt").unlink()
    assert load_corpus("world-en").train
    with pytest.raises(ValueError, match="train.zh.txt is missing, though it is part of the course"):
        load_corpus("world")


def test_corpus():
    corpus = Corpus("toy", {"train": ("a", "b"), "validation": ("c",)}, "here", "CC-BY-4.0")
    assert corpus.text("validation") == f"c{END_OF_TEXT}"
    with pytest.raises(ValueError, match="has no split 'test'; it has train, validation"):
        corpus.text("test")
    with pytest.raises(AttributeError):
        corpus.name = "other"


@pytest.mark.parametrize("splits", [{"train": "One."}, {"train": ("One.",), "validation": [2]}, None, "One."])
def test_a_corpus_of_no_documents(splits):
    with pytest.raises(ValueError, match="needed the documents of each split as a tuple of texts, such as"):
        Corpus("toy", splits, "here", "free")


# --- documents

lines = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufeff"), max_size=8)
documents = st.lists(
    st.lists(lines | st.just(END_OF_TEXT + "."), min_size=1, max_size=4).map("\n".join).filter(str.strip)
)


@given(documents.filter(lambda docs: not any(END_OF_TEXT in doc.split("\n") for doc in docs)))
def test_documents_come_back_as_they_were(tmp_path_factory, docs):
    path = tmp_path_factory.mktemp("documents") / "d.txt"
    write_documents(path, docs)
    if docs:
        # read as bytes by another way: the format is one line of plain ASCII after each document
        assert path.read_bytes().decode().count(f"\n{END_OF_TEXT}\n") == len(docs)
        assert read_documents(path) == tuple(docs)


characters = st.characters(
    exclude_categories=["Cs", "Cc"], exclude_characters="\ufeff", include_characters="\n\t"
)
free = st.text(characters, max_size=8)
plain = st.lists(free.filter(str.strip), min_size=2, max_size=25)


@given(plain)
@example(["a\n", "\nb\n"])
@example(["a\n", "b"])
@example([" ", " a ", "b\n\n"])
def test_the_text_of_a_corpus_loads_as_the_same_documents(tmp_path_factory, docs):
    docs = [f"{document}." for document in docs]  # so that none ends in white space
    path = tmp_path_factory.mktemp("text") / "t.txt"
    path.write_bytes(Corpus("toy", {"train": tuple(docs)}, "here", "free").text().encode())
    corpus = load_corpus(path)
    found = list(corpus.train)
    for place, document in zip(
        range(VALIDATION_EVERY - 1, len(docs), VALIDATION_EVERY), corpus.validation, strict=False
    ):
        found.insert(place, document)
    if len(docs) < VALIDATION_EVERY:
        found += corpus.validation
    assert found == docs


@pytest.mark.parametrize("name", ["world", "pydoc"])
def test_a_corpus_written_and_loaded_has_the_same_documents(tmp_path, name):
    corpus = load_corpus(name)
    back = load_corpus(own(tmp_path, corpus.text("train")))
    assert sorted(back.train + back.validation) == sorted(corpus.train)
    assert read_documents(own(tmp_path, corpus.text("validation"))) == corpus.validation


@pytest.mark.parametrize(
    "text",
    [
        f"a\n b\n{END_OF_TEXT} \nc\n",
        f"a\n b\n {END_OF_TEXT}\t\nc\n{END_OF_TEXT}  ",
        f"a\r\n b\r\n{END_OF_TEXT} \r\nc\r\n",
        f"a\n b\n{END_OF_TEXT}\u3000\nc\n{END_OF_TEXT}\n",
        f"a\n b{END_OF_TEXT}c{END_OF_TEXT}",
        f"a\n b{END_OF_TEXT}c{END_OF_TEXT}\n\n",
    ],
)
def test_separators_as_people_write_them(tmp_path, text):
    path = own(tmp_path, text)
    assert read_documents(path) == ("a\n b", "c")
    assert (load_corpus(path).train, load_corpus(path).validation) == (("a\n b",), ("c",))


def test_a_text_that_speaks_of_the_separator_is_not_cut_there(tmp_path):
    text = f"GPT-2 ends a text with {END_OF_TEXT}, which is one token.\n" * 5
    corpus = load_corpus(own(tmp_path, text))
    assert corpus.train[0] + corpus.validation[0] == text


@pytest.mark.parametrize(
    "text",
    [
        f"a\nb\n{END_OF_TEXT}\nc\n",
        f"{END_OF_TEXT}\na\nb\n{END_OF_TEXT}\n{END_OF_TEXT}\nc",
        f"a\r\nb\r\n{END_OF_TEXT}\r\nc\r\n{END_OF_TEXT}\r\n",
    ],
)
def test_documents_by_hand(tmp_path, text):
    (tmp_path / "d.txt").write_bytes(text.encode())
    assert read_documents(tmp_path / "d.txt") == ("a\nb", "c")


@pytest.mark.parametrize(
    "document", ["", " \n", "a\r\nb", f"a\n{END_OF_TEXT}\nb", END_OF_TEXT, f"a\n {END_OF_TEXT} "]
)
def test_documents_that_could_not_be_read_back(tmp_path, document):
    write_documents(tmp_path / "d.txt", ["before"])
    with pytest.raises(ValueError, match="Document 1 is empty, or has"):
        write_documents(tmp_path / "d.txt", ["fine", document])
    assert read_documents(tmp_path / "d.txt") == ("before",)


@pytest.mark.parametrize(
    ("documents", "says"),
    [
        ("one text", "Got 'one text', needed a list of documents; one document is a list of one"),
        (b"one text", "Got b'one text', needed a list of documents"),
        (None, "Got None, needed a list of documents"),
        ({"a": "b"}, "needed a list of documents"),
        (["fine", None], "Document 1 is of type NoneType, needed text as a str"),
        (["fine", ["a"]], "Document 1 is of type list, needed text"),
        (["fine", "half \ud83d"], "Document 1 has half of a character at position 5, which no file can hold"),
        (["\ufeffa"], "Document 0 begins with U\\+FEFF"),
        ([r"{\rtf1 a}"], "is an RTF document"),
    ],
)
def test_documents_that_are_none(tmp_path, documents, says):
    with pytest.raises(ValueError, match=says):
        write_documents(tmp_path / "d.txt", documents)
    assert not (tmp_path / "d.txt").exists()


# --- the learner's own file


def own(tmp_path, content, name="my notes.txt"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("as_type", [str, lambda path: path])
def test_own_file_of_documents(tmp_path, as_type):
    text = "".join(f"document {n}\n{END_OF_TEXT}\n" for n in range(21))
    corpus = load_corpus(as_type(own(tmp_path, text)))
    assert corpus.validation == ("document 9", "document 19")
    assert len(corpus.train) == 19
    assert corpus.name == "my notes.txt"
    two = load_corpus(own(tmp_path, f"a\n{END_OF_TEXT}\nb"))
    assert (two.train, two.validation) == (("a",), ("b",))


@pytest.mark.parametrize(
    ("text", "validation"),
    [
        ("x" * 90 + "\n\n" + "y" * 8, "y" * 8),  # a paragraph begins near the last tenth
        ("x" * 92 + "\n" + "y" * 7, "y" * 7),  # only a line does
        ("x" * 20 + "\n\n" + "y" * 78, "y" * 10),  # nothing does: the last tenth
        ("ab", "b"),
    ],
)
def test_own_file_of_one_text(tmp_path, text, validation):
    corpus = load_corpus(own(tmp_path, text))
    assert corpus.validation == (validation,)
    assert corpus.train[0] + corpus.validation[0] == text


@given(st.text(st.sampled_from("ab \n中"), min_size=2, max_size=60).filter(str.strip))
def test_any_text_is_split_without_loss(tmp_path_factory, text):
    path = own(tmp_path_factory.mktemp("own"), text)
    corpus = load_corpus(path)
    (train,), (validation,) = corpus.train, corpus.validation
    assert train + validation == text and train and validation
    assert load_corpus(path) == corpus


def test_line_ends_and_byte_order_mark(tmp_path):
    corpus = load_corpus(own(tmp_path, b"\xef\xbb\xbfone\r\ntwo\rthree\n"))
    assert corpus.train[0] + corpus.validation[0] == "one\ntwo\nthree\n"


CHINESE = "今天天气很好，小明去公园玩。他看见了一只小猫，小猫说：“你好！”\n" * 3
FRENCH = "Le café était fermé, dit-elle ; « déjà » l’été s’en allait à Noël… naïve cœur.\n" * 3
RUSSIAN = "Сегодня хорошая погода, и кошка гуляет в парке.\n"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (
            CHINESE.encode("gb18030"),
            r"byte 0 \(0xBD, line 1\) fits no character, and it looks like gb18030 \('今天天气很好，",
        ),
        (
            b"abc\n" + CHINESE.encode("gbk")[:-3],
            r"byte 4 \(0xBD, line 2\) fits no character, and it looks like gb18030",
        ),
        (FRENCH.encode("cp1252"), r"byte 6 \(0xE9, line 1\) fits no character, and it looks like cp1252"),
        (("naïvement la façade\n" * 3).encode("cp1252"), "it looks like cp1252"),  # also valid in gb18030
        (CHINESE.encode("utf-16"), "not UTF-8: it looks like utf-16; convert it with"),
        (FRENCH.encode("utf-16-le"), "it looks like utf-16-le"),
        (FRENCH.encode("utf-16-be"), "it looks like utf-16-be"),
        (FRENCH.encode("utf-32"), "it looks like utf-32"),
        (
            RUSSIAN.encode("koi8-r"),
            r"looks like .*koi8_r \('Сегодня хорошая пого'\).*: take the one that reads right, and conv",
        ),
        (
            CHINESE.encode()[:50] + b"\xff" + CHINESE.encode()[51:],
            r"UTF-8 with damage: byte 48 \(0x.., line 1\)",
        ),
        (("a" * 50 + "好").encode()[:-1], r"UTF-8 with damage: byte 50 \(0xE5, line 1\)"),
        (b"%PDF-1.7\n...", "is a PDF document, not plain text"),
        (b"PK\x03\x04....", "is a zip archive, as .docx"),
        (bytes(range(256)) * 8, "is a binary file, not text"),
        (b"\x00\x01\x02\x03 text \x00\x00\x00\x00\x01\x02", "is a binary file, not text"),
        (b"", "is empty; give a file with text"),
        (b"\xef\xbb\xbf \n", "is empty"),
        (f"{END_OF_TEXT}\n\n{END_OF_TEXT}\n".encode(), "has 0 characters"),
        (b"x", "has 1 characters of text, needed at least 2, to train"),
    ],
)
def test_files_that_cannot_be_used(tmp_path, content, says):
    path = own(tmp_path, content)
    with pytest.raises(ValueError, match=says) as caught:
        load_corpus(path)
    assert str(path) in str(caught.value)


TEXTS = {  # what ordinary texts in these languages look like; a learner's file is longer
    "Korean": "오늘은 날씨가 좋아서 고양이와 함께 공원에 갔습니다. 작은 새가 나무 위에서 노래했다.\n",
    "Japanese": "今日は天気がよいので、猫と公園に行きました。小さな鳥が木の上で歌っていた。\n",
    "Taiwanese": "今天天氣很好，小明去公園玩。他看見了一隻小貓，小貓說：「你好！」\n",
    "Polish": "Dziś jest ładna pogoda, więc kot poszedł z dziećmi do parku. Źrebię śpiewało pieśń.\n",
    "Czech": "Dnes je hezké počasí, a proto šel žlutý kůň s dětmi do parku; ďábelsky úpěl ódy.\n",
    "Hungarian": "Ma szép idő van, ezért a macska elment a gyerekekkel a parkba. Árvíztűrő fúrógép.\n",
    "Greek": "Σήμερα ο καιρός είναι καλός και η γάτα περπατά στο πάρκο.\n",
    "Russian": RUSSIAN,
    "Turkish": "Bugün hava çok güzel, kedi çocuklarla parka gitti. Şöyle dedi: ığdır.\n",
    "Hebrew": "היום מזג האוויר טוב והחתול הולך בפארק.\n",
    "Thai": "วันนี้อากาศดีและแมวเดินเล่นในสวนสาธารณะ\n",
}
ENCODINGS = [
    *(("Korean", name) for name in ("cp949", "euc_kr", "utf-16", "utf-16-le", "utf-16-be")),
    *(("Japanese", name) for name in ("shift_jis", "euc_jp", "iso2022_jp", "utf-16-le", "utf-16-be")),
    *(("Taiwanese", name) for name in ("big5", "gb18030", "utf-16-le", "utf-16-be")),
    *((language, name) for language in ("Polish", "Czech", "Hungarian") for name in ("cp1250", "iso8859_2")),
    *(("Greek", name) for name in ("cp1253", "iso8859_7", "utf-16-le", "utf-16-be")),
    *(("Russian", name) for name in ("cp1251", "koi8_r", "cp866", "iso8859_5", "utf-16-le", "utf-16-be")),
    *(("Turkish", "cp1254"), ("Hebrew", "cp1255"), ("Thai", "cp874"), ("Thai", "utf-16-le")),
]


@pytest.mark.parametrize("times", [1, 40])
@pytest.mark.parametrize(("language", "encoding"), ENCODINGS)
def test_the_right_encoding_is_among_those_that_are_named(tmp_path, language, encoding, times):
    """With how the text reads in each; the conversion that is proposed is that of the first."""
    text = TEXTS[language] * times
    path = own(tmp_path, text.encode(encoding))
    with pytest.raises(ValueError, match="is not UTF-8: .*convert it with") as caught:
        load_corpus(path)
    message = str(caught.value)
    assert "\n" not in message
    told = message.split("looks like ")[1].split("convert it with")[0]
    named = re.findall(r"(?:^|or )([\w-]+)(?=;| \()", told)
    assert 1 <= len(named) <= 6
    assert any(path.read_bytes().decode(name, "replace").removeprefix("\ufeff") == text for name in named)
    if len(named) > 1:
        reading = " ".join(word for word in text.split() if not word.isascii())[:12]
        assert f"('{reading}" in told
    assert f"read_text(encoding={named[0]!r}" in message


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (CHINESE, "gb18030"),
        (FRENCH, "cp1252"),
        (CHINESE, "utf-16"),
        (CHINESE, "utf-16-le"),
        (CHINESE, "utf-16-be"),
        (TEXTS["Korean"] * 3, "cp949"),
        (TEXTS["Japanese"] * 3, "shift_jis"),
        (TEXTS["Japanese"] * 3, "iso2022_jp"),
        (TEXTS["Korean"] * 3, "iso2022_kr"),
        (CHINESE, "hz"),
        (CHINESE, "utf-7"),
        (FRENCH, "utf-7"),
        (RUSSIAN, "utf-7"),
        (TEXTS["Polish"] * 3, "cp1250"),
        (RUSSIAN * 3, "cp1251"),
    ],
)
@pytest.mark.parametrize("name", ["my notes.txt", "v1.2/notes"])
def test_the_conversion_that_is_proposed_works(tmp_path, text, encoding, name):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    path = own(tmp_path, text.encode(encoding), name)
    with pytest.raises(ValueError, match="convert it with") as caught:
        load_corpus(path)
    command = str(caught.value).split("convert it with ")[1].removesuffix(".")
    exec(f"import pathlib; {command}", {})
    corpus = load_corpus(path.with_name(f"{path.stem}-utf8{path.suffix}"))
    assert corpus.train[0] + corpus.validation[0] == text


@pytest.mark.parametrize(
    "text",
    [
        "2+2=4, a+b, C++, +49 30 1234567, x+AAE-y\n",
        "+- one or two +- three\n",
        "home is ~{user}, and a+b is +a\n",
        "<p>A piece of a page is text.</p>\n",
        "HTML begins with <html>.\n",
    ],
)
def test_what_only_looks_a_little_like_another_form_is_text(tmp_path, text):
    assert load_corpus(own(tmp_path, text.encode())).text("train").startswith(text[:9])


@pytest.mark.parametrize(
    "begins",
    ["<!DOCTYPE html>", "\n<html lang='en'>", '<?xml version="1.0"?>\n<!doctype HTML>', "<!-- x -->\n<HTML>"],
)
def test_a_web_page_is_no_text_unless_its_tags_are_to_be_learned(tmp_path, begins):
    page = f"{begins}<p>Once upon a time.</p>"
    with pytest.raises(ValueError, match="is a web page .*copy its text into a file"):
        read_documents(own(tmp_path, page.encode()))
    write_documents(tmp_path / "pages.txt", [page, page])
    assert read_documents(tmp_path / "pages.txt") == (page, page)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (rb"{\rtf1\ansi{\fonttbl} Once upon a time.}", "an RTF document"),
        (rb"  {\rtf1 Once}", "an RTF document"),
        (b"%!PS-Adobe-3.0 ...", "a PostScript document"),
        (b"BZh91AY", "a bzip2 archive"),
        (b"\xfd7zXZ\x00", "an xz archive"),
    ],
)
def test_a_document_of_another_program_is_no_text(tmp_path, content, kind):
    with pytest.raises(ValueError, match=f"is {kind}, not plain text; open it in its program"):
        load_corpus(own(tmp_path, content))


@pytest.mark.parametrize("length", [0, 1, 2, 3, 100])
@given(data=st.data())
def test_any_bytes_are_text_or_refused_in_a_sentence(tmp_path_factory, length, data):
    path = own(tmp_path_factory.mktemp("bytes"), data.draw(st.binary(min_size=length, max_size=2 * length)))
    try:
        corpus = load_corpus(path)
    except ValueError as error:
        assert type(error) is ValueError and str(path) in str(error) and "\n" not in str(error)  # noqa: PT017
    else:
        text = path.read_bytes().decode().removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
        assert corpus.train[0] + corpus.validation[0] == text


def test_names_that_are_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        ValueError, match="no corpus and no file named 'tinyshakspeare'; did you mean 'tinyshakespeare'?"
    ):
        load_corpus("tinyshakspeare")
    with pytest.raises(
        ValueError, match="give the path of a text file, or one of world, world-en, world-zh, pydoc"
    ):
        load_corpus("qqq")
    with pytest.raises(ValueError, match="is a folder; give a text file"):
        load_corpus(tmp_path)
    with pytest.raises(ValueError, match="is missing; give a text file"):
        read_documents(tmp_path / "nowhere.txt")
    (tmp_path / "world").write_text("a file of this name does not hide the corpus")
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "none"))
    with pytest.raises(ValueError, match="part of the course"):
        load_corpus("world")


BOOK = "Call me Ishmael. Some years ago, never mind how long precisely.\n" * 200


@pytest.mark.parametrize(
    ("name", "says"),
    [
        (
            BOOK,
            r"\(12,800 characters\) is too long for the name of a file .is it a text, and not a path.*; give",
        ),
        ("a" * 400, "is too long for the name of a file"),
        ("a\x00b", "needed a path"),
        ("", "needed a path"),
        (" ", "needed a path"),
        ("half \ud83d", "which no file can be named"),
        (None, "Got NoneType, needed a path as a str or a pathlib.Path"),
        (5, "Got int, needed a path"),
        (["a", "b"], "Got list, needed a path"),
    ],
)
@pytest.mark.parametrize("use", [load_corpus, read_documents])
def test_what_is_no_path_is_said(use, name, says):
    with pytest.raises(ValueError, match=says) as caught:
        use(name)
    assert type(caught.value) is ValueError and len(str(caught.value)) < 400


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pipes and devices in folders")
@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: os.mkfifo(path), "is a pipe or a device, not a file"),
        (lambda path: path.symlink_to("/dev/zero"), "is a pipe or a device, not a file"),
        (lambda path: path.symlink_to(path), "cannot be read"),
        (lambda path: path.symlink_to(path.with_name("gone")), "is a link to nothing"),
        (lambda path: path.mkdir(), "is a folder"),
        (lambda path: path.touch() or os.truncate(path, 1 << 40), "has 1,099,511,627,776 bytes, more than"),
    ],
)
def test_what_stands_in_a_file_s_place_is_named_and_not_read(tmp_path, make, says):
    make(tmp_path / "text.txt")
    for use in (load_corpus, read_documents):
        with pytest.raises(ValueError, match=f"text.txt {says}.*; give a text file"):
            use(tmp_path / "text.txt")


def test_home_is_understood(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    write_documents("~/LLM: a course/d.txt", ["one", "two"])
    assert read_documents("~/LLM: a course/d.txt") == ("one", "two")
    assert load_corpus("~/LLM: a course/d.txt").source == str(tmp_path / "LLM: a course" / "d.txt")


@pytest.mark.skipif(os.name == "nt", reason="Windows makes links for some people only")
def test_a_link_to_a_text_is_read_and_what_it_leads_to_is_written(tmp_path):
    write_documents(tmp_path / "real.txt", ["one", "two"])
    (tmp_path / "link.txt").symlink_to("real.txt")
    assert read_documents(tmp_path / "link.txt") == ("one", "two")
    write_documents(tmp_path / "link.txt", ["three"])
    assert (tmp_path / "link.txt").is_symlink()
    assert read_documents(tmp_path / "real.txt") == ("three",)


def test_only_the_names_of_the_bundled_stories_are_theirs():
    assert [name for name in ("world", "world-en", "world-zh") if is_world(name)] == [
        "world",
        "world-en",
        "world-zh",
    ]
    assert not any(map(is_world, ("world_history.txt", "worlds", "world-fr", "", None, ["world"])))
