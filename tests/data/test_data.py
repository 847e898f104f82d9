"""Corpora: splits, a learner's own file and its encodings, downloads over a real (local) server that
misbehaves."""

import contextlib
import hashlib
import http.server
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_lib import data
from course_lib.data import (
    END_OF_TEXT,
    Corpus,
    corpora,
    download,
    load_corpus,
    read_documents,
    write_documents,
)
from course_lib.data.download import DownloadError, RemoteFile, fetch

CONTENT = bytes(range(32, 127)) * 20_000  # 1.9 MB: a cut falls between two blocks


# --- a server on this machine


class Server(http.server.BaseHTTPRequestHandler):
    """Serves `content`; can ignore ranges, answer with a code, cut the connection, or send no length."""

    content, ranges, code, cut_after, length = CONTENT, True, 200, None, True

    def do_GET(self):
        log = self.server.log
        log.append(self.headers.get("Range"))
        behaviour = self.server.behaviour
        settings = behaviour.pop(0) if behaviour else {}
        get = lambda name: settings.get(name, getattr(Server, name))  # noqa: E731
        body, start = get("content"), 0
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
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(body[: get("cut_after")])

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as running:
        running.log, running.behaviour = [], []
        running.url = f"http://127.0.0.1:{running.server_port}/file.txt"
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
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


def test_a_full_disk_is_not_called_a_network_problem(server, tmp_path):
    (tmp_path / "cache").write_text("a file, not a folder")
    with pytest.raises(FileExistsError):
        fetch(remote(server.url), tmp_path / "cache")


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


@pytest.mark.parametrize("document", ["", " \n", "a\r\nb", f"a\n{END_OF_TEXT}\nb", END_OF_TEXT])
def test_documents_that_could_not_be_read_back(tmp_path, document):
    write_documents(tmp_path / "d.txt", ["before"])
    with pytest.raises(ValueError, match="Document 1 is empty, or has"):
        write_documents(tmp_path / "d.txt", ["fine", document])
    assert read_documents(tmp_path / "d.txt") == ("before",)


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
            r"byte 0 \(0xBD, line 1\) fits no character, and it looks like gb18030; convert it with",
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
            "fits no character; open it where it comes from and save it as text in UTF-8",
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


@pytest.mark.parametrize(
    ("text", "encoding"), [(CHINESE, "gb18030"), (FRENCH, "cp1252"), (CHINESE, "utf-16")]
)
def test_the_conversion_that_is_proposed_works(tmp_path, text, encoding):
    path = own(tmp_path, text.encode(encoding))
    with pytest.raises(ValueError, match="convert it with") as caught:
        load_corpus(path)
    command = str(caught.value).split("convert it with ")[1].removesuffix(".")
    exec(f"import pathlib; {command}", {})
    corpus = load_corpus(tmp_path / "my notes-utf8.txt")
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
    with pytest.raises(ValueError, match="cannot be read"):
        read_documents(tmp_path / "nowhere.txt")
    (tmp_path / "world").write_text("a file of this name does not hide the corpus")
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "none"))
    with pytest.raises(ValueError, match="part of the course"):
        load_corpus("world")
