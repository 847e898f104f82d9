"""What is kept as a piece of the learner's GPT works on its own, and nothing kept is lost for what does not.

The cells run in IPython in a process of its own, as in a notebook; what is made of them runs in yet another.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from course_lib.exercises import _progress
from course_lib.exercises._places import MOVED, at_new_places
from course_lib.exercises._renaming import global_names, renamed
from course_lib.tokens import exercises as tokens

ROOT = str(Path(__file__).resolve().parents[2])


@pytest.fixture(autouse=True)
def own_files(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.setenv("COURSE_MY_GPT", str(tmp_path / "my_gpt"))


def python(code: str, folder: Path, timeout: float = 120) -> str:
    settings = {**os.environ, "PYTHONPATH": ROOT, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=settings, timeout=timeout,
        encoding="utf-8", cwd=folder, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


# From cells to files ---------------------------------------------------------------------------------------

# Each defines `rows` (or `my`, under another name), which adds 1; a list has several cells.
CELLS = {
    "docstring at col 0": [
        "if True:\n"
        "    def rows(x):\n"
        "        '''first\n"
        "at the edge\n"
        "        '''\n"
        "        text = '''a\n"
        "    b'''\n"
        '        assert text == "a\\n    b"\n'
        "        return x + 1",
    ],
    "a namedtuple made by a call": [
        "from collections import namedtuple\nPoint = namedtuple('Point', 'a b', defaults=[1])\nP = Point(0)\n"
        "def rows(x): return x + P.b + Point(0).a",
    ],
    "letters of two characters": ["def cafe\u0301(x): return x + 1\nrows = cafe\u0301"],
    "tabs": [
        "if True:\n\tdef rows(x):\n\t\tif x:\n\t\t\treturn x + 1\n\t\treturn 1",
    ],
    "lambda": [
        "k = 1\nrows = lambda x: x + k",
    ],
    "two lambdas in a line": [
        "f, rows = (lambda x: x), (lambda x: x + 1)",
    ],
    "nested lambda": [
        "rows = (lambda k: lambda x: x + k)(1)",
    ],
    "multi-line lambda": [
        "rows = (lambda x:\n   x +\n   1)",
    ],
    "inf": [
        "NEG_INF = float('-inf')\nNAN = float('nan')\ndef rows(x): return max(NEG_INF, x) + 1",
    ],
    "pattern": [
        "import re\nP = re.compile(r'\\d+', re.I)\ndef rows(x): return x + len(P.findall('a1'))",
    ],
    "tensor": [
        "import torch\n"
        "ONE = torch.tensor([1.0]); D = torch.float32; DEV=torch.device('cpu')\n"
        "def rows(x): return (torch.tensor(x, dtype=D, device=DEV) + ONE).item()",
    ],
    "numpy": [
        "import numpy as np\nA = np.arange(3); S=np.float64(1)\ndef rows(x): return int(x + A[1] * S)",
    ],
    "dict of functions": [
        "def up(x): return x+1\nT = {'up': up, 'lam': lambda x: x}\ndef rows(x): return T['up'](T['lam'](x))",
    ],
    "lru": [
        "from functools import lru_cache, cache\n"
        "@lru_cache(maxsize=None)\n"
        "def h(x): return x\n"
        "@cache\n"
        "def g(x): return 1\n"
        "def rows(x): return h(x) + g(x)",
    ],
    "lru call": [
        "from functools import lru_cache\ndef h0(x): return x+1\nh = lru_cache(h0)\ndef rows(x): return h(x)",
    ],
    "closure": [
        "def make(n):\n    def rows(x):\n        return x + n\n    return rows\nrows = make(1)",
    ],
    "nonlocal": [
        "def make(n):\n"
        "    count = 0\n"
        "    def rows(x):\n"
        "        nonlocal count\n"
        "        count += 1\n"
        "        return x + n\n"
        "    return rows\n"
        "rows = make(1)",
    ],
    "wrapped": [
        "import functools\n"
        "def deco(f):\n"
        "    @functools.wraps(f)\n"
        "    def inner(*a):\n"
        "        return f(*a) + 1\n"
        "    return inner\n"
        "@deco\n"
        "def rows(x): return x",
    ],
    "wrapped by call": [
        "import functools\n"
        "def deco(f):\n"
        "    @functools.wraps(f)\n"
        "    def inner(*a):\n"
        "        return f(*a) + 1\n"
        "    return inner\n"
        "def plain(x): return x\n"
        "rows = deco(plain)",
    ],
    "wrapped plain": [
        "def deco(f):\n"
        "    def inner(*a):\n"
        "        return f(*a) + 1\n"
        "    return inner\n"
        "@deco\n"
        "def rows(x): return x",
    ],
    "method": [
        "class A:\n"
        "    def __init__(self, n): self.n = n\n"
        "    def rows(self, x): return x + self.n\n"
        "rows = A(1).rows",
    ],
    "class method": [
        "class A:\n"
        "    n = 1\n"
        "    @classmethod\n"
        "    def rows(cls, x): return x + cls.n\n"
        "    @staticmethod\n"
        "    def s(x): return x + 1\n"
        "rows = A.rows",
    ],
    "static": [
        "class A:\n    @staticmethod\n    def s(x): return x + 1\nrows = A.s",
    ],
    "instance": [
        "class A:\n"
        "    def __init__(self, n): self.n = n\n"
        "    def __call__(self, x): return x + self.n\n"
        "rows = A(1)",
    ],
    "slots": [
        "class A:\n"
        "    __slots__ = ('n',)\n"
        "    def __init__(self, n): self.n = n\n"
        "    def __call__(self, x): return x + self.n\n"
        "rows = A(1)",
    ],
    "older": [
        "def rows(x): return x",
        "_ = 0\ndef my(x): return rows(x) + 1",
    ],
    "self recursion renamed": [
        "def my(x): return 1 if x == 0 else my(x - 1) + 1",
    ],
    "shadow": [
        "def my(x, my=None, helper=3): return x + 1",
    ],
    "time": [
        "%%time\nk = 1\ndef rows(x):\n    return x + k",
    ],
    "time2": [
        "%%time\n\n# c\ndef rows(x):\n    return x + 1\nrows(1)",
    ],
    "capture": [
        "%%capture\ndef rows(x):\n    return x + 1",
    ],
    "magic lines": [
        "%precision 3\n!true\ndef rows(x):\n    return x + 1",
    ],
    "dataclass": [
        "from dataclasses import dataclass\n"
        "@dataclass\n"
        "class P:\n"
        "    n: int = 1\n"
        "def rows(x): return x + P().n",
    ],
    "dataclass instance": [
        "from dataclasses import dataclass\n"
        "@dataclass(frozen=True)\n"
        "class P:\n"
        "    n: int = 1\n"
        "C = P(1)\n"
        "def rows(x): return x + C.n",
    ],
    "exception": [
        "class E(ValueError): pass\n"
        "def rows(x):\n"
        "    try:\n"
        "        raise E('x')\n"
        "    except E:\n"
        "        return x + 1",
    ],
    "exception in another cell": [
        "class E(ValueError):\n    pass",
        "def rows(x):\n    try:\n        raise E('x')\n    except E:\n        return x + 1",
    ],
    "enum": [
        "from enum import Enum\n"
        "class K(Enum):\n"
        "    A = 1\n"
        "    B = 2\n"
        "D = K.A\n"
        "def rows(x): return x + D.value",
    ],
    "namedtuple": [
        "from typing import NamedTuple\n"
        "class K(NamedTuple):\n"
        "    a: int\n"
        "from collections import namedtuple\n"
        "L = namedtuple('L', 'b')\n"
        "D = K(1)\n"
        "def rows(x): return x + D.a",
    ],
    "path": [
        "from pathlib import Path\nD = Path('a/b')\ndef rows(x): return x + len(D.parts) - 1",
    ],
    "future": [
        "from __future__ import annotations\ndef rows(x: Undefined) -> Other: return x + 1",
    ],
    "future later": [
        "from __future__ import annotations",
        "def rows(x: Undefined) -> Other: return x + 1",
    ],
    "alias": [
        "from torch import Tensor\n"
        "import typing as t\n"
        "Ids = list[int]\n"
        "M = t.Optional[int]\n"
        "U = int | None\n"
        "TV = t.TypeVar('TV')\n"
        "def rows(x: Ids, y: M = None, z: U = 1, q: TV = 0) -> Tensor: return x + 1",
    ],
    "partial": [
        "from functools import partial\ndef add(a, b, c=0): return a + b + c\nrows = partial(add, 1, c=0)",
    ],
    "partial helper": [
        "from functools import partial\n"
        "def add(a, b): return a + b\n"
        "h = partial(add, 1)\n"
        "def rows(x): return h(x)",
    ],
    "builtin": [
        "import math\nfrom operator import add\nfrom functools import partial\nrows = partial(add, 1)",
    ],
    "itemgetter": [
        "from operator import itemgetter\ng = itemgetter(0)\ndef rows(x): return g([x]) + 1",
    ],
    "defaultdict": [
        "from collections import defaultdict, Counter, OrderedDict, deque\n"
        "D = defaultdict(list, a=[1]); C = Counter('ab'); O = OrderedDict(a=1); Q = deque([1], maxlen=3)\n"
        "def rows(x): return x + D['a'][0] + C['a'] - O['a'] + Q[0] - 1",
    ],
    "module nn": [
        "import torch\n"
        "lin = torch.nn.Linear(1, 1)\n"
        "with torch.no_grad(): lin.weight.fill_(1); lin.bias.fill_(1)\n"
        "def rows(x): return lin(torch.tensor([float(x)])).item()",
    ],
    "own module": [
        "import torch\n"
        "class M(torch.nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.w = torch.nn.Parameter(torch.ones(1))\n"
        "    def forward(self, x): return (x + self.w).item()\n"
        "m = M()\n"
        "def rows(x): return m(x)",
    ],
    "class answer with super": [
        "class Base:\n"
        "    def __init__(self): self.k = 1\n"
        "class rows(Base):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "    def go(self, x): return x + self.k",
    ],
    "local class": [
        "def make():\n"
        "    k = 1\n"
        "    class rows:\n"
        "        def go(self, x): return x + k\n"
        "    return rows\n"
        "rows = make()",
    ],
    "globals": [
        "k = 1\ndef rows(x): return x + globals()['k']",
    ],
    "file": [
        "f = open('/dev/null')\ndef rows(x):\n    f\n    return x + 1",
    ],
    "decimal": [
        "from decimal import Decimal\n"
        "from fractions import Fraction\n"
        "import datetime\n"
        "D = Decimal('1'); F = Fraction(1, 1); T = datetime.timedelta(seconds=1)\n"
        "def rows(x): return x + int(D) * F * T.seconds",
    ],
    "sets bytes range": [
        "S = {1}; B = b'a'; R = range(2); FS = frozenset({1}); SL = slice(0,1); E = (); C=1j; EL = ...\n"
        "def rows(x): return x + len(S & FS) * len(B) * R[1] + len(E) + int(abs(C)) - 1",
    ],
    "generator function": [
        "def g(x):\n    yield x + 1\ndef rows(x): return next(g(x))",
    ],
    "mutual": [
        "def even(n): return True if n == 0 else odd(n - 1)\n"
        "def odd(n): return False if n == 0 else even(n - 1)\n"
        "def rows(x): return x + 1 if even(0) else 0",
    ],
    "context manager": [
        "from contextlib import contextmanager\n"
        "@contextmanager\n"
        "def c(): yield 1\n"
        "def rows(x):\n"
        "    with c() as k: return x + k",
    ],
    "no_grad": [
        "import torch\n@torch.no_grad()\ndef rows(x): return x + 1",
    ],
    "exec": [
        "exec('def rows(x): return x + k', globals())\nk = 1",
    ],
    "exec closure": [
        "def mk(n):\n"
        "    d = {}\n"
        "    exec('def m(n):\\n def rows(x): return (x + n) * 1\\n return rows', d)\n"
        "    return d['m'](n)\n"
        "rows = mk(1)",
    ],
    "redefinition": [
        "def h(x): return x",
        "def h(x): return x + 1",
        "def rows(x): return h(x)",
    ],
    "alias name": [
        "def h(x): return x + 1\ng = h\ndef rows(x): return g(x) + h(0) - 1",
    ],
    "global statement": [
        "total = 0\ndef my(x):\n    global total\n    total += 1\n    return x + 1",
    ],
    "fstring": [
        "def my(x): return int(f'{my2(x)}')\ndef my2(x): return x + 1",
    ],
    "fstring self": [
        "def my(x): return 1 if x == 0 else int(f'{my(x - 1) + 1}')",
    ],
    "comprehension": [
        "def my(x): return [my for my in [x + 1]][0]",
    ],
    "decor register": [
        "R = []\ndef reg(f):\n    R.append(f)\n    return f\n@reg\ndef rows(x): return x + 1",
    ],
    "vectorize": [
        "import numpy as np\nv = np.vectorize(lambda x: x + 1)\ndef rows(x): return int(v(x))",
    ],
    "default arg": [
        "K = 1\ndef rows(x, k=K): return x + k",
    ],
    "string io": [
        "import string, math\n"
        "P = string.punctuation\n"
        "def rows(x): return x + 1 + 0 * len(P) + math.floor(0.5)",
    ],
    "walrus, match": [
        "def my(x):\n"
        "    match x:\n"
        "        case int(y): pass\n"
        "        case [a, *rest]: pass\n"
        "    return (z := x) + 1",
    ],
    "class attr": [
        "class Cfg:\n    my = 3\n    other = my\n    n = 1\ndef my(x): return x + Cfg.n",
    ],
    "type()": [
        "A = type('A', (), {'n': 1})\ndef rows(x): return x + A.n",
    ],
    "gen": [
        "import torch\n"
        "g = torch.Generator().manual_seed(3)\n"
        "def rows(x): return x + 1 + 0 * torch.rand(1, generator=g).item()",
    ],
    "magic inside": [
        "def rows(x):\n    %precision 3\n    return x + 1",
    ],
    "future import and dataclass": [
        "from __future__ import annotations\n"
        "from dataclasses import dataclass\n"
        "@dataclass\n"
        "class P:\n"
        "    n: Undefined\n"
        "def rows(x): return x + P(1).n",
    ],
    "async def": [
        "import asyncio\nasync def h(x): return x + 1\ndef rows(x): return asyncio.run(h(x))",
    ],
}
NOT_ALONE = {
    "globals": "KeyError",
    "file": "missing f",
    "exec": "unknown rows",
    "exec closure": "unknown rows",
    "type()": "missing A",
    "magic inside": "missing get_ipython",
}


IN_IPYTHON = """
import json, sys
from IPython.core.interactiveshell import InteractiveShell
from course_lib.exercises._source import as_file
shell, found = InteractiveShell.instance(), {}
for name, cells in json.loads(sys.stdin.read() or CELLS).items():
    shell.reset(new_session=False)
    for cell in cells:
        assert shell.run_cell(cell, store_history=True).success, name
    space = shell.user_ns
    try:
        file = as_file(space.get("my", space.get("rows")), "rows")
        found[name] = [file.text, list(file.missing), list(file.unknown)]
    except Exception as error:
        found[name] = ["", [], [f"{type(error).__name__}: {error}"]]
print("FOUND" + json.dumps(found))
"""
ALONE = """
import json
def result(text):
    scope = {"__name__": "my_gpt_rows"}
    import sys, types
    sys.modules["my_gpt_rows"] = module = types.ModuleType("my_gpt_rows")
    try:
        exec(compile(text, "rows.py", "exec", dont_inherit=True), vars(module))
        rows = module.rows
        return [rows().go(5) if isinstance(rows, type) else rows(5) for _ in range(2)]
    except Exception as error:
        return f"{type(error).__name__}: {error}"
print("FOUND" + json.dumps({name: result(found[0]) for name, found in FOUND.items()}, default=float))
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cells")
    output = python(f"CELLS = {json.dumps(CELLS)!r}\n{IN_IPYTHON}", folder)
    return json.loads(output.split("FOUND")[1])


@pytest.fixture(scope="module")
def results(files, tmp_path_factory):
    output = python(f"FOUND = {files!r}\n{ALONE}", tmp_path_factory.mktemp("alone"))
    return json.loads(output.split("FOUND")[1])


@pytest.mark.parametrize("name", sorted(CELLS.keys() - NOT_ALONE.keys()))
def test_what_an_answer_needs_comes_along(name, files, results):
    text, missing, unknown = files[name]
    assert (missing, unknown) == ([], []), text
    assert results[name] == [6, 6], text


@pytest.mark.parametrize("name", NOT_ALONE)
def test_what_cannot_come_along_is_known(name, files, results):
    text, missing, unknown = files[name]
    kind, _, what = NOT_ALONE[name].partition(" ")
    if kind == "missing":
        assert missing == [what], text
    elif kind == "unknown":
        assert unknown == [what] and results[name] == [6, 6], text
    else:
        assert results[name].startswith(kind), text


def test_a_file_reads_as_it_was_written(files):
    assert files["older"][0] == "def rows_2(x): return x\n\n\ndef rows(x): return rows_2(x) + 1\n"
    assert files["inf"][0].startswith('NEG_INF = float("-inf")\n\n\ndef rows(x):')
    assert files["future later"][0].startswith("from __future__ import annotations\n\ndef rows(")
    assert "P = re.compile('\\\\d+', 2)" in files["pattern"][0]
    assert "ONE = torch.tensor([1.0])" in files["tensor"][0] and "D = torch.float32" in files["tensor"][0]


@pytest.mark.parametrize(
    ("source", "names", "result"),
    [
        ("def f(x): return x.f + f(f=f)", {"f": "g"}, "def f(x): return x.f + g(f=g)"),
        ("def h(f=f): return f", {"f": "g"}, "def h(f=g): return f"),
        ("def h():\n    f = 1\n    return f", {"f": "g"}, "def h():\n    f = 1\n    return f"),
        ("def h():\n    global f\n    f = 1", {"f": "g"}, "def h():\n    global g\n    g = 1"),
        ("h = [f for f in f2]; k = f", {"f": "g"}, "h = [f for f in f2]; k = g"),
        ("class A:\n    f = f2\n    k = f\n    def m(self): return f", {"f": "g"},
         "class A:\n    f = f2\n    k = f\n    def m(self): return g"),
        ("def h():\n    def f(): return f\n    return f", {"f": "g"},
         "def h():\n    def f(): return f\n    return f"),
        ("def h(x):\n    # f\n    'f'\n    return '莉', f", {"f": "g"},
         "def h(x):\n    # f\n    'f'\n    return '莉', g"),
    ],
)  # fmt: skip
def test_only_names_from_outside_are_changed(source, names, result):
    assert renamed(source, names) == result


def test_global_names():
    assert global_names("def f(x, k=K): return [g(y) for y in x]") == ["K", "g"]
    assert global_names("def f():\n    nonlocal n\n    n += 1") == ["n"]


def test_names_that_python_does_not_allow():
    with pytest.raises(ValueError, match="not a name"):
        renamed("def f(): pass", {}, header="for")


# Kept or not -----------------------------------------------------------------------------------------------

FILLER = "replace"


def decode(ids, vocabulary):
    return b"".join(vocabulary[id] for id in ids).decode("utf-8", errors=FILLER)


def piece() -> Path:
    return _progress.pieces_folder() / "decode_ids.py"


def test_what_is_kept_was_judged_as_a_file():
    feedback = tokens.decode_ids.check(decode)
    assert feedback.notes == ("Kept as `my_gpt/decode_ids.py`.",)
    assert "FILLER = 'replace'" in piece().read_text()


LOCK = threading.Lock()
NAMES = {"errors": "replace"}


def uses_a_lock(ids, vocabulary):
    with LOCK:
        return decode(ids, vocabulary)


def looks_up(ids, vocabulary):
    return b"".join(vocabulary[id] for id in ids).decode("utf-8", **globals()["NAMES"])


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (uses_a_lock, "it uses `LOCK` from your notebook, which cannot be written into a file."),
        (looks_up, "in a file of its own it does not work (`KeyError: 'NAMES'`)."),
        (eval("lambda ids, v: b''.join(v[id] for id in ids).decode('utf-8', errors='replace')"),
         "the text of `decode_ids` is not known, since it was not written in a cell."),
    ],
    ids=["lock", "globals", "eval"],
)  # fmt: skip
def test_what_cannot_be_kept_is_said_and_what_was_kept_stays(answer, why):
    feedback = tokens.decode_ids.check(answer)
    assert feedback.right and feedback.notes == (f"It could not be kept: {why}",)
    assert not piece().exists()
    tokens.decode_ids.check(decode)
    before = piece().read_bytes()
    feedback = tokens.decode_ids.check(answer)
    assert feedback.notes[0].endswith(" The one that was kept earlier stays.")
    assert piece().read_bytes() == before


def test_a_wrong_answer_replaces_nothing():
    tokens.decode_ids.check(decode)
    before = piece().read_bytes()
    assert not tokens.decode_ids.check(lambda ids, vocabulary: "").right
    assert piece().read_bytes() == before


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
@pytest.mark.parametrize("there", ["folder", "link", "broken link"])
def test_something_else_in_the_place_of_the_file(there, tmp_path):
    piece().parent.mkdir()
    (tmp_path / "other.py").write_text("other = 1")
    if there == "folder":
        piece().mkdir()
    else:
        piece().symlink_to(tmp_path / ("other.py" if there == "link" else "nowhere"))
    feedback = tokens.decode_ids.check(decode)
    assert feedback.right and ("could not be kept" in feedback.notes[0]) == (there == "folder")
    assert (tmp_path / "other.py").read_text() == "other = 1"
    assert not list(piece().parent.glob("*.part"))


def test_a_right_answer_by_a_lambda_or_partial_is_kept():
    join = lambda ids, vocabulary: b"".join(vocabulary[id] for id in ids).decode("utf-8", "replace")  # noqa: E731
    assert "Kept as" in tokens.decode_ids.check(join).notes[0]
    assert "decode_ids = lambda ids, vocabulary:" in piece().read_text()


# Kept files that misbehave, gathered for the capstone -------------------------------------------------------

FILES = {
    "count_pairs": ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    "Block": ("raise GeneratorExit", "GeneratorExit"),
    "draw": ("class Mine(BaseException): pass\nraise Mine('x')", "Mine: x"),
    "top_p": ("import os\nos._exit(0)", "exit code 0"),
    "temperature": ("import os, signal\nos.kill(os.getpid(), signal.SIGTERM)", "SIGTERM"),
    "GPT": (
        "import signal\nsignal.signal(signal.SIGALRM, signal.SIG_IGN)\nwhile True: pass",
        "stopped after",
    ),
    "merge_pair": ("import sys\nsys.modules.clear()", "merge_pair.py"),
    "generate": ("import threading, time\nthreading.Thread(target=time.sleep, args=(99,)).start()", "define"),
    "windows": ("while True: print('noise' * 1000)", "did not finish"),
    "train": ("import builtins\nbuiltins.len = builtins.isinstance = None", "does not define"),
    "learn_merges": ("sum(range(10**12))", "stopped after"),
    "Storyteller": ("x = [0] * 10**10", "memory"),
    "encode_piece": (b"\xff\xfe", "UnicodeDecodeError"),
    "decode_ids": (b"x = 1\n" * 400_000, "far too many"),
    "adamw_step": ("# -*- coding: nosuch -*-\nx = 1", "adamw_step.py does not"),
}
FILE_NAMES = {"Block": "block_class", "GPT": "gpt_class", "Storyteller": "storyteller_class"}


@pytest.mark.skipif(sys.platform == "win32", reason="pipes, signals and fork")
def test_no_file_hurts_the_one_who_gathers(tmp_path):
    folder = tmp_path / "my_gpt"
    folder.mkdir()
    for name, (text, _) in FILES.items():
        file = FILE_NAMES.get(name, name)
        (folder / f"{file}.py").write_bytes(text if isinstance(text, bytes) else text.encode())
    (folder / "learning_rate.py").mkdir()
    os.mkfifo(folder / "attention_class.py")
    (folder / "cross_entropy.py").symlink_to("/dev/zero")
    code = """
from course_lib.generation.exercises import capstone
capstone.LOAD_SECONDS = 1.0
from course_lib.exercises import _tryout
_tryout.GRACE = 0.5
import builtins, signal, sys, threading
from course_lib.context import exercises as context
pieces = capstone.gather()
print("MINE", pieces.mine)
for piece in pieces.by_name.values():
    print("TROUBLE", piece.name, piece.trouble.replace("\\n", " "))
assert len([1]) == 1 and "json" in sys.modules and threading.active_count() <= 2
assert signal.getsignal(signal.SIGALRM) == signal.SIG_DFL
"""
    output = python(code, tmp_path, 180)
    told = {line.split()[1]: line for line in output.splitlines() if line.startswith("TROUBLE")}
    assert "MINE 0" in output and output.startswith("MINE")
    for name, (_, words) in FILES.items():
        assert words in told[name] and "stands in for it" in told[name], told[name]
    for name, file in (
        ("learning_rate",) * 2,
        ("MultiHeadAttention", "attention_class"),
        ("cross_entropy",) * 2,
    ):
        assert f"{file}.py does not run" in told[name], told[name]


def test_a_file_of_an_earlier_version_of_the_course_is_taken():
    from course_lib.generation.exercises import capstone

    piece().parent.mkdir()
    old = '"""My own `decode_ids`, kept by the course when its check said it is right."""\n\n'
    old += "def decode_ids(ids, vocabulary):\n"
    old += '    return b"".join(vocabulary[id] for id in ids).decode("utf-8", errors="replace")\n'
    piece().write_text(old)
    assert capstone.gather().by_name["decode_ids"].mine


def test_a_file_that_imports_from_where_modules_stood_before_is_taken():
    from course_lib.generation.exercises import capstone

    piece().parent.mkdir()
    old = "from course_lib import naive_bpe\n\n\n"
    old += "def encode_piece(ids, merges):\n"
    old += "    for new, pair in sorted((new, pair) for pair, new in merges.items()):\n"
    old += "        ids = naive_bpe.merge_pair(ids, pair, new)\n    return ids\n"
    piece().with_name("encode_piece.py").write_text(old)
    assert capstone.gather().by_name["encode_piece"].mine


@pytest.mark.parametrize("old", MOVED)
def test_every_place_that_moved_leads_somewhere(old):
    scope = {}
    exec(at_new_places(f"from course_lib import {old}\nfrom course_lib.{old} import __doc__ as told"), scope)
    assert scope[old].__doc__ == scope["told"]
