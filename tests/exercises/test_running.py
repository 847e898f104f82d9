"""What a learner writes must not hang a check, end the notebook, or change what a later check says.

Each hostile answer is checked in a Python of its own, with a time limit, as it would be in a notebook.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest
import torch

from course_lib.attention import exercises as ex
from course_lib.exercises import (
    Case,
    Exercise,
    Mistake,
    State,
    _guard,
    _guard_server,
    _run,
    _tryout,
    progress,
)
from course_lib.exercises._state import Snapshot
from course_lib.exercises._surroundings import surroundings

ROOT = str(Path(__file__).resolve().parents[2])
HEAD = """
import dataclasses, sys, time
from course_lib.start_here import exercises as start_here
from course_lib.tokens import exercises as tokens
decode = tokens.decode_ids
SECONDS = 1.0
from course_lib.exercises import _tryout
_tryout.GRACE, _tryout.MEMORY, _tryout.FILE = 0.6, 100 * 1024**2, 4 * 1024**2
def check(answer, seconds=None):
    began = time.perf_counter()
    feedback = dataclasses.replace(decode, seconds=seconds or SECONDS).check(answer)
    took = time.perf_counter() - began
    print("STATE", feedback.state, "SECONDS", round(took, 1), flush=True)
    return feedback
def right(ids, vocabulary):
    return b"".join(vocabulary[id] for id in ids).decode("utf-8", errors="replace")
"""


@pytest.fixture(autouse=True)
def own_files(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.setenv("COURSE_MY_GPT", str(tmp_path / "my_gpt"))


def script(folder: Path, code: str, timeout: float = 60, **environment: str) -> str:
    """What a script prints that is run as a file, so that its functions have a text; it must end well."""
    path = folder / "answers.py"
    path.write_text(HEAD + textwrap.dedent(code), encoding="utf-8")
    settings = {**os.environ, "PYTHONPATH": ROOT, "OMP_NUM_THREADS": "1", **environment}
    done = subprocess.run(
        [sys.executable, "-W", "error", str(path)],
        capture_output=True, text=True, env=settings, timeout=timeout, encoding="utf-8",
        stdin=subprocess.DEVNULL, cwd=folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr and "ResourceWarning" not in done.stderr, done.stderr
    return done.stdout


def states(output: str) -> list[str]:
    return [line.split("STATE ")[1].split(" SECONDS")[0] for line in output.splitlines() if "STATE " in line]


# Answers that must not be run in the notebook --------------------------------------------------------------

HOSTILE = {
    "a loop inside C": ("return sum(range(10**12))", "timed out", "sum(range(10**12))"),
    "a number without end": ("return 10 ** 10 ** 9", "timed out", "decode_ids("),
    "no alarm": (
        "import signal\nsignal.signal(signal.SIGALRM, signal.SIG_IGN)\nwhile True: pass", "timed out", "",
    ),
    "the timer off": (
        "import signal\nsignal.setitimer(signal.ITIMER_REAL, 0)\nwhile True: pass", "timed out", "",
    ),
    "a text without end": (
        "class Odd:\n    def __repr__(self):\n        while True: pass\nreturn Odd()", "timed out", "",
    ),
    "a list without end": ("a = []\nwhile True: a.append(' ' * 10**7)", "crashed", "of memory"),
    "one huge list": ("return [0] * 10**9", "crashed", "of memory"),
    "one huge tensor": ("import torch\nreturn torch.zeros(10**10)", "crashed", "of memory"),
    "memory, swallowed": (
        "a = []\nwhile True:\n    try: a.append(' ' * 10**7)\n    except MemoryError: break\n"
        "return right(ids, vocabulary)",
        "crashed", "of memory",
    ),
    "os._exit": ("import os\nos._exit(3)", "crashed", "exit code 3"),
    "abort": ("import os\nos.abort()", "crashed", "SIGABRT"),
    "kills itself": ("import os, signal\nos.kill(os.getpid(), signal.SIGTERM)", "crashed", "SIGTERM"),
    "a wrong address": ("import ctypes\nctypes.string_at(8)", "crashed", "SIGSEGV"),
    "recursion inside C": (
        "import sys\nsys.setrecursionlimit(10**9)\ndef f(x): return sorted([1], key=f)\nreturn f(1)",
        "crashed", "SIGSEGV",
    ),
    "fork": ("import os\nos.fork()\nreturn right(ids, vocabulary)", "crashed", "os.fork"),
    "forks without end": ("import os\nwhile True: os.fork()", "crashed", "os.fork"),
    "a file without end": (
        "with open('large', 'wb') as f:\n    while True: f.write(bytes(10**7))", "crashed", "without end",
    ),
    "swallows everything": (
        "while True:\n    try:\n        while True: pass\n    except BaseException: pass", "timed out", "",
    ),
}  # fmt: skip


@pytest.mark.skipif(not hasattr(os, "fork"), reason="without fork, only time is limited")
def test_what_would_hurt_the_notebook_runs_elsewhere_only(tmp_path):
    code = "import torch\ncheck(right)\n"
    for name, (body, state, _) in HOSTILE.items():
        seconds = 5 if state == "crashed" else 1
        code += f"print('NAME {name}')\ndef decode_ids(ids, vocabulary):\n{textwrap.indent(body, '    ')}\n"
        code += f"check(decode_ids, {seconds})\n"
    output = script(tmp_path, code + "print('NAME the end')\ncheck(right)", 120)
    told = dict(part.split("\n", 1) for part in output.split("NAME ")[1:])
    for name, (_, state, words) in HOSTILE.items():
        assert states(told[name]) == [state], told[name]
        assert words in told[name] and "in a process of its own" in told[name]
        assert float(told[name].split("SECONDS ")[1]) < 10
    assert states(told["the end"]) == ["right"]


def test_the_call_that_did_not_end_is_told(tmp_path):
    output = script(
        tmp_path, "def decode_ids(ids, vocabulary):\n    return sum(range(10**12))\ncheck(decode_ids)"
    )
    assert "The call: decode_ids(" in output
    assert "in decode_ids:  return sum(range(10**12))" in output
    assert "Is there a loop that never ends?" in output


def test_answers_of_other_kinds_run_elsewhere_too(tmp_path):
    code = """
        class Caller:
            def __init__(self, n): self.n = n
            def __call__(self, ids, vocabulary): return sum(range(self.n))
        def make(n):
            def inner(ids, vocabulary): return sum(range(n))
            return inner
        from functools import partial
        for answer in (Caller(10**12), make(10**12), lambda ids, vocabulary: sum(range(10**12)),
                       partial(lambda n, ids, vocabulary: sum(range(n)), 10**12), Caller(10**12).__call__):
            check(answer)
        scope = {}
        exec("def decode_ids(ids, vocabulary): return sum(range(10**12))", scope)
        check(scope["decode_ids"])
    """
    assert states(script(tmp_path, code, 90)) == ["timed out"] * 6


def test_what_was_printed_before_the_time_was_up_is_shown(tmp_path):
    code = "def decode_ids(ids, vocabulary):\n    print('begun')\n    while True: pass\ncheck(decode_ids)"
    assert "begun" in script(tmp_path, code)


def test_the_other_process_ends_with_the_notebook(tmp_path):
    code = """
        from course_lib.exercises._guard import guard
        check(right)
        print("PID", guard()._process.pid, flush=True)
        import os
        os._exit(0)  # as a kernel that is killed
    """
    pid = int(script(tmp_path, code).split("PID ")[1].split()[0])
    for _ in range(100):
        if not alive(pid):
            return
        time.sleep(0.05)
    raise AssertionError("the process lives on")


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
    except OSError:
        os.kill(pid, 0)
        return True


def test_starters_and_plain_values_start_no_process(tmp_path):
    code = """
        from course_lib.exercises._guard import guard
        def decode_ids(ids, vocabulary):
            \"\"\"The mask.\"\"\"
            raise NotImplementedError
        check(decode_ids), check(...), check(3)
        def decode_ids(ids, vocabulary): pass
        check(decode_ids)
        assert guard()._process is None
    """
    assert states(script(tmp_path, code)) == ["not attempted", "not attempted", "wrong", "not attempted"]


@pytest.mark.parametrize("trouble", ["sys.executable = '/no/python'", "guard().disabled = True"])
def test_without_another_process_the_answer_is_judged_here(trouble, tmp_path):
    code = f"""
        from course_lib.exercises._guard import guard
        {trouble}
        def decode_ids(ids, vocabulary):
            while True: pass
        check(right), check(right), check(decode_ids)
    """
    output = script(tmp_path, code)
    assert states(output) == ["right", "right", "timed out"]
    assert "Kept as" in output


def test_without_fork_the_other_process_judges_itself(tmp_path):
    code = """
        from course_lib.exercises._guard import guard
        guard().forks = False
        def decode_ids(ids, vocabulary): return sum(range(10**12))
        check(right), check(decode_ids), check(right)
        def decode_ids(ids, vocabulary):
            import os
            os._exit(1)
        check(decode_ids), check(right)
        large = []
        def decode_ids(ids, vocabulary):
            if not large:  # twice what is allowed where there is fork
                large.append(bytearray(200 * 1024**2))
            return right(ids, vocabulary)
        check(decode_ids, 5)
    """
    output = script(tmp_path, code)
    assert states(output) == ["right", "timed out", "right", "crashed", "right", "right"]


def test_a_check_is_quick_once_it_is_warm():
    def causal_mask(T):
        return torch.ones(T, T, dtype=torch.bool).tril()

    ex.causal_mask.check(causal_mask)
    took = []
    for _ in range(3):
        began = time.process_time()
        assert ex.causal_mask.check(causal_mask).right
        took.append(time.process_time() - began)
    assert min(took) < 0.5


def test_a_slow_answer_does_not_run_twice(tmp_path):
    code = """
        SECONDS = 8.0
        def decode_ids(ids, vocabulary):
            time.sleep(0.6 * (len(ids) == 3))
            return right(ids, vocabulary)
        check(decode_ids)
    """
    output = script(tmp_path, code)
    assert states(output) == ["right"]
    assert float(output.split("SECONDS ")[1]) < 9


# Clean hands -----------------------------------------------------------------------------------------------

PATCHES = {
    "torch": "torch.ones = lambda *a, **k: torch.zeros(2)",
    "a method": "torch.Tensor.tril = lambda self: self",
    "functional": "torch.nn.functional.softmax = None",
    "a layer": "torch.nn.Linear.forward = None",
    "builtins": "import builtins; builtins.isinstance = lambda *a: True; builtins.len = builtins.all = None",
    "math": "import math; math.sqrt = math.exp = lambda x: 0; math.pi = 3",
    "modules": "del sys.modules['json'], sys.modules['math']; sys.modules['torch'] = None",
    "the course": "import course_lib.exercises._judge as j; j.Judge.run = None; j.Case = 3",
    "time": "time.perf_counter = time.monotonic = lambda: 0",
    "no gradients": "torch.set_grad_enabled(False)",
    "inference": "torch.inference_mode().__enter__()",
    "dtype": "torch.set_default_dtype(torch.float64)",
    "device": "torch.set_default_device('meta')",
    "threads": "torch.set_num_threads(7)",
    "printing": "torch.set_printoptions(precision=1); import numpy; numpy.set_printoptions(precision=1)",
    "numpy": "import numpy; numpy.seterr(all='raise')",
    "the folder": "import os; os.chdir('/')",
    "recursion": "sys.setrecursionlimit(3000); sys.setswitchinterval(0.5); sys.set_int_max_str_digits(1000)",
    "output": "sys.stdout = sys.stderr = None",
    "output closed": "sys.stdout.close()",
    "signals": "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)",
    "timers": "import signal; signal.setitimer(signal.ITIMER_PROF, 9)",
    "tracing": "sys.settrace(lambda *a: None); sys.setprofile(lambda *a: None)",
    "garbage": "import gc; gc.disable(); gc.set_threshold(1)",
    "decimal": "import decimal; decimal.getcontext().prec = 2",
    "environment": "import os; os.environ['X_NEW'] = '1'; os.environ.pop('PATH', None)",
    "path": "sys.path.clear(); sys.meta_path.clear()",
    "warnings": "import warnings; warnings.simplefilter('error')",
    "deterministic": "torch._C._set_deterministic_algorithms(True)",
    "random": "import random, numpy; random.seed(1); numpy.random.seed(1); torch.manual_seed(1)",
    "hooks": "torch.nn.modules.module.register_module_forward_hook(lambda *a: 1 / 0)",
    "text lines": "import linecache; linecache.clearcache()",
    "limits": "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (9, resource.getrlimit(7)[1]))",
    "rights": "import os; os.umask(0o777)",
    "functions": "Loud().__enter__()",
    "dispatch": "Quiet().__enter__()",
    "autocast": "torch.autocast('cpu').__enter__(); torch.set_autocast_dtype('cpu', torch.float16)",
    "backends": "torch.backends.mkldnn.set_flags(False); torch.backends.cuda.enable_math_sdp(False)",
}
TORCH = """
import torch
from course_lib.attention import exercises as attention
mask = attention.causal_mask
def right(T):
    return torch.ones(T, T, dtype=torch.bool).tril()
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
class Loud(TorchFunctionMode):
    def __torch_function__(self, function, types, args=(), kwargs=None): raise SystemExit
class Quiet(TorchDispatchMode):
    def __torch_dispatch__(self, function, types, args=(), kwargs=None): return 3
"""
SEEN = """
def seen():
    import builtins, decimal, gc, json, math, os, random, resource, signal, warnings, numpy as np
    import course_lib.exercises._judge as j, course_lib.exercises._state as s
    torch = sys.modules["torch"]
    return [
        torch.ones, "tril" in vars(torch.Tensor), torch.nn.functional.softmax, torch.nn.Linear.forward,
        builtins.isinstance, builtins.len, math.sqrt, math.pi, sys.modules["json"], j.Judge.run, j.Case,
        time.perf_counter, torch.is_grad_enabled(), torch.is_inference_mode_enabled(),
        torch.get_default_dtype(), torch.get_default_device(), torch.get_num_threads(),
        repr(torch.tensor(0.12345)), repr(np.array(0.12345)), np.geterr(), os.getcwd(),
        sys.getrecursionlimit(), sys.getswitchinterval(), sys.get_int_max_str_digits(), sys.stdout,
        sys.stderr, signal.getsignal(signal.SIGINT), signal.getitimer(signal.ITIMER_PROF), sys.gettrace(),
        sys.getprofile(), gc.isenabled(), gc.get_threshold(), decimal.getcontext().prec, dict(os.environ),
        list(sys.path), list(sys.meta_path), list(warnings.filters),
        torch.are_deterministic_algorithms_enabled(), random.getstate(), np.random.get_state()[1].tolist(),
        resource.getrlimit(resource.RLIMIT_NOFILE), s._umask(),
        torch._C._len_torch_function_stack(), torch._C._len_torch_dispatch_stack(),
        torch.is_autocast_enabled("cpu"), torch.get_autocast_dtype("cpu"), torch.backends.mkldnn.enabled,
        torch.backends.cuda.math_sdp_enabled(),
        torch.get_rng_state().tolist(), len(torch.nn.modules.module._global_forward_hooks),
    ]
import decimal, numpy, json
before = seen()
"""


@pytest.mark.parametrize("how", ["right", "wrong"])
def test_what_an_answer_changes_is_put_back(how, tmp_path):
    """In the notebook's own process, with the guard out of the way, one answer after another."""
    answers = "".join(
        f"def answer{i}(T):\n    import torch\n    ones, tril = torch.ones, torch.Tensor.tril\n"
        f"    result = tril(ones(T, T, dtype=torch.bool))\n    {line}\n    return result\n"
        for i, line in enumerate(PATCHES.values())
    )
    expected = "right" if how == "right" else "wrong"
    code = (
        TORCH
        + SEEN
        + answers
        + f"""
from course_lib.exercises._guard import guard
guard().disabled = True
names = {list(PATCHES)!r}
for i, name in enumerate(names):
    answer = globals()[f"answer{{i}}"]
    given = answer if {how!r} == "right" else (lambda T, answer=answer: ~answer(T))
    feedback = mask.check(given)
    for one, other in zip(before, seen()):
        assert one is other or one == other, (name, one, other)
    assert mask.judge(right).right and not mask.judge(lambda T: right(T).T).right, name
print("ALL", len(names))
"""
    )
    assert f"ALL {len(PATCHES)}" in script(tmp_path, code)
    assert expected


CELLS = {
    "no gradients": ("torch.set_grad_enabled(False)", "torch.set_grad_enabled(True)"),
    "inference": ("keep = torch.inference_mode(); keep.__enter__()", "keep.__exit__(None, None, None)"),
    "dtype": ("torch.set_default_dtype(torch.float16)", "torch.set_default_dtype(torch.float32)"),
    "device": ("torch.set_default_device('meta')", "torch.set_default_device(None)"),
    "autocast": ("keep = torch.autocast('cpu'); keep.__enter__()", "keep.__exit__(None, None, None)"),
    "functions": ("keep = Loud(); keep.__enter__()", "torch._C._pop_torch_function_stack()"),
    "numpy": ("numpy.seterr(all='raise')", "numpy.seterr(all='warn')"),
    "recursion": ("sys.setrecursionlimit(120)", "sys.setrecursionlimit(1000)"),
    "warnings": ("warnings.simplefilter('error')", "warnings.resetwarnings()"),
    "path": ("keep = [*sys.path]; sys.path.clear()", "sys.path[:] = keep"),
    "rights": ("keep = os.umask(0o777)", "os.umask(keep)"),
    "torch": ("keep = torch.ones; torch.ones = None", "torch.ones = keep"),
    "builtins": ("keep = sum; builtins.sum = None", "builtins.sum = keep"),
}


def test_what_a_cell_sets_does_not_reach_a_check(tmp_path):
    """Answers are judged as in a fresh Python, apart and in the notebook; what was set stays set."""
    code = f"""
import builtins, os, warnings, numpy
def wrong(T):
    return right(T).T
from course_lib.model import exercises as model
norm = model.layer_norm
for name, (line, undo) in {CELLS!r}.items():
    exec(line)
    first, second, third = mask.check(right), mask.check(wrong), norm.check(norm.reference)
    exec(undo)
    assert first.right and "Kept as" in first.notes[0], (name, first)
    assert second.mistake == "the upper triangle", (name, second)
    assert third.right, (name, third)
torch.set_default_dtype(torch.float64)
assert mask.check(right).right and torch.get_default_dtype() == torch.float64
print("ALL")
"""
    assert "ALL" in script(tmp_path, TORCH + code, 120)


def test_functions_that_an_answer_replaces_are_named(tmp_path):
    code = """
        def decode_ids(ids, vocabulary):
            import builtins
            text = right(ids, vocabulary)
            builtins.len = builtins.isinstance = builtins.type = builtins.zip = builtins.map = None
            return text
        check(decode_ids)
        check(right)
    """
    output = script(tmp_path, code)
    assert "Your answer replaces `isinstance`, `len`" in output and "fault of the course" not in output
    assert states(output) == ["crashed", "right"]


def test_code_that_was_kept_waiting_gets_more_time():
    busy, spare = 0.5, 1.0  # seconds of work, seconds after the limit of 5
    assert _run._may_go_on(None, 5.0, 5.0 + spare, busy)
    assert not _run._may_go_on(None, 5.0, 5.0 + spare, 5.1)  # it had its time
    assert not _run._may_go_on(None, 5.0, 5.0 + spare, 0.01)  # it only waits
    assert not _run._may_go_on(None, 5.0, 9.0, busy)


@pytest.mark.skipif(sys.platform != "linux", reason="asked where it is known")
def test_a_process_that_wants_to_work_is_known():
    assert _guard_server._was_kept_waiting(os.getpid(), 1e9)  # this one is at work right now
    assert not _guard_server._was_kept_waiting(os.getpid(), 0.0)
    code = [sys.executable, "-c", "print('ready', flush=True); input()"]
    with subprocess.Popen(code, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as sleeper:
        sleeper.stdout.readline()
        asked = (time.sleep(0.05) or _guard_server._was_kept_waiting(sleeper.pid, 1e9) for _ in range(100))
        assert not all(asked)
        sleeper.communicate("\n")


SLOW_MODULE = "import time\nend = time.monotonic() + 0.6\nwhile time.monotonic() < end: pass\nwhole = 3\n"


@pytest.mark.parametrize("library", [True, False])
def test_a_library_is_loaded_to_its_end(library, tmp_path, monkeypatch):
    name = f"slow_module_{library}"
    (tmp_path / f"{name}.py").write_text(SLOW_MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(_run, "is_learners", lambda file: not library)
    if library:
        assert _run.with_limit(lambda: __import__(name), 0.1).whole == 3
    else:
        with pytest.raises(_run.TimeUp):
            _run.with_limit(lambda: __import__(name), 0.1)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("torch.optim.SGD([p], lr=1)", ["torch._dynamo"]),
        ("from torch.optim import AdamW", ["torch._dynamo"]),
        ("class Mine(torch.optim.Optimizer):", ["torch._dynamo"]),
        ("def f(optimizer: torch.optim.Optimizer, x): optimizer.step()", []),
        ("def f(x): return x", []),
    ],
)
def test_what_torch_loads_late_is_known_from_the_text(text, names):
    assert _tryout._loaded_late(text) == names


def test_a_snapshot_is_cheap():
    import course_lib.training.exercises  # noqa: F401

    Snapshot()
    times = []
    for _ in range(5):
        began = time.thread_time()
        Snapshot().put_back()
        times.append(time.thread_time() - began)
    assert min(times) < 0.1


def test_a_thread_that_goes_on_is_named(tmp_path):
    code = """
        import threading
        def decode_ids(ids, vocabulary):
            if len(ids) == 3:
                threading.Thread(target=time.sleep, args=(2,), name="leftover", daemon=True).start()
            return right(ids, vocabulary)
        print(check(decode_ids).notes)
    """
    assert "left a thread running (`leftover`)" in script(tmp_path, code)


def test_output_is_not_lost_after_checks_in_four_threads(capsys):
    def noisy(T):
        for i in range(200):
            print("noise", i)
        return torch.ones(T, T, dtype=torch.bool).tril()

    before = sys.stdout
    threads = [threading.Thread(target=lambda: ex.causal_mask.check(noisy)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sys.stdout is before
    print("later")
    out = capsys.readouterr().out
    assert out.endswith("later\n") and out.count("Right!") == 4


def test_a_check_within_an_answer_is_no_deadlock(tmp_path):
    code = """
        import threading
        SECONDS = 5.0
        begun = []
        def decode_ids(ids, vocabulary):
            if not begun:
                begun.append(1)
                decode.check(right)
            return right(ids, vocabulary)
        check(decode_ids)
        begun.clear()
        thread = threading.Thread(target=check, args=(decode_ids,))
        thread.start()
        thread.join(30)
        assert not thread.is_alive()
    """
    assert states(script(tmp_path, code)).count("right") >= 2


def test_an_answer_cannot_ask_for_input(tmp_path):
    output = script(tmp_path, "def decode_ids(ids, vocabulary):\n    return input('?')\ncheck(decode_ids)")
    assert states(output) == ["crashed"] and "cannot ask for input" in output


# A check never raises --------------------------------------------------------------------------------------


def odd(*methods: tuple[str, str], also: str = "") -> str:
    """The text of a class of which some methods (or, without brackets, properties) do odd things."""
    lines = ["class Odd:", also or "    pass"]
    for head, body in methods:
        lines += [
            f"    def {head}: {body}" if "(" in head else f"    @property\n    def {head}(self): {body}"
        ]
    return "\n".join([*lines, ""])


CALL = ("__call__(self, ids, vocabulary)", "return right(ids, vocabulary)")
ITSELF, RESULT = "check(Odd())\n", "check(lambda ids, vocabulary: Odd())\n"
ODD = {
    "repr": odd(CALL, ("__repr__(self)", "raise RuntimeError('no')")) + ITSELF,
    "repr of no text": odd(("__repr__(self)", "return 3")) + ITSELF + RESULT,
    "repr interrupts": odd(("__repr__(self)", "raise KeyboardInterrupt")) + ITSELF + RESULT,
    "name": odd(CALL, also="    __name__ = 3") + ITSELF,
    "name raises": odd(CALL, ("__name__", "raise GeneratorExit")) + ITSELF,
    "signature": odd(CALL, ("__signature__", "raise KeyboardInterrupt")) + ITSELF,
    "signature lies": odd(CALL, also="    __signature__ = 3") + ITSELF,
    "class": odd(CALL, ("__class__", "raise SystemExit")) + ITSELF,
    "equal": odd(("__eq__(self, other)", "raise GeneratorExit"), also="    __hash__ = None")
    + RESULT
    + ITSELF,
    "true or false": odd(("__bool__(self)", "raise SystemExit"), ("__len__(self)", "return -1")) + RESULT,
    "every attribute": odd(("__getattr__(self, n)", "return self"), ("__call__(self, *a)", "return self"))
    + ITSELF
    + RESULT,
    "call": odd(("__call__", "raise KeyboardInterrupt")) + ITSELF,
    "a deep list": "a = []\nfor _ in range(100000): a = [a]\ncheck(a)\ncheck(lambda *given: a)\n",
    "a list in itself": "a = []; a.append(a)\ncheck(a)\ncheck(lambda *given: a)\n",
    "half a letter": "half = '\\ud800'\ncheck(half); check(lambda *a: half); check(lambda *a: print(half))\n",
    "wrapped in itself": "def decode_ids(ids, vocabulary): return right(ids, vocabulary)\n"
    "decode_ids.__wrapped__ = decode_ids\ncheck(decode_ids)\n",
    "generators": "check(i for i in [1])\ncheck(lambda *given: (i for i in [1]))\n",
    "modules": "check(sys); check(type); check(print)\n",
}


def test_odd_answers_get_feedback(tmp_path):
    code = "".join(f"print('NAME {name}')\n{lines}\n" for name, lines in ODD.items())
    told = dict(part.split("\n", 1) for part in script(tmp_path, code).split("NAME ")[1:])
    for name, lines in ODD.items():
        assert len(states(told[name])) == lines.count("check("), (name, told[name])
        assert "fault of the course" not in told[name], told[name]


RAISED = ["KeyboardInterrupt", "GeneratorExit", "SystemExit(3)", "Mine", "StopIteration", "RecursionError",
          "MemoryError", "asyncio.CancelledError", "Loud()"]  # fmt: skip


def test_an_answer_may_raise_what_it_likes(tmp_path):
    code = "import asyncio\nclass Mine(BaseException): pass\n"
    code += "class Loud(Exception):\n    def __str__(self): raise Mine\n"
    for i, error in enumerate(RAISED):
        code += f"def answer{i}(ids, vocabulary):\n    raise {error}\ncheck(answer{i})\n"
    output = script(tmp_path, code)
    assert states(output) == ["crashed"] * len(RAISED), output


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("known", [True, False])
def test_ctrl_c_stops_a_check_with_a_sentence(known, tmp_path):
    code = """
        import os, signal, threading
        check(right)
        SECONDS = 9.0
        {}
        def decode_ids(ids, vocabulary):
            while True: pass
        press = lambda: os.kill(os.getpid(), signal.SIGINT)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        threading.Timer(1.0, press).start()
        check(decode_ids)
        SECONDS = 1.0
        check(right)
    """.format("" if known else "from course_lib.exercises._guard import guard; guard().disabled = True")
    output = script(tmp_path, code)
    assert states(output) == ["right", "timed out", "right"] and "You stopped it" in output
    kept = json.loads((tmp_path / "progress.json").read_text())
    assert kept["exercises"]["tokens.decode_ids"]["tries"] == 2


def test_a_keyboard_interrupt_that_nobody_pressed_is_a_crash():
    def causal_mask(T):
        raise KeyboardInterrupt("mine")

    feedback = ex.causal_mask.check(causal_mask)
    assert feedback.state is State.CRASHED and "KeyboardInterrupt: mine" in feedback.message


def test_a_folder_that_is_gone(tmp_path):
    code = """
        import os, torch
        os.environ.pop("COURSE_PROGRESS"), os.environ.pop("COURSE_MY_GPT")
        os.environ["COURSE_PROGRESS"] = "p.json"
        os.makedirs("gone"); os.chdir("gone"); os.rmdir("../gone")
        check(right); decode.hint(); decode.solution()
        from course_lib.exercises import progress
        print(progress().total > 1)
    """
    output = script(tmp_path, code)
    assert states(output) == ["right"] and "True" in output


PLACES = ["~nosuchuser/x", "/dev/zero", "/dev/full", "/proc/x/y", "a\\udc80b", "", "a/\\0b"]


@pytest.mark.skipif(sys.platform == "win32", reason="other names are odd there")
def test_progress_and_pieces_at_odd_places(tmp_path):
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "file").write_text("")
    os.mkfifo(tmp_path / "pipe")
    code = f"""
        import os
        from course_lib.exercises import progress, _progress
        from pathlib import Path
        places = [*{PLACES!r}, "folder.json", "pipe", "file/below", "x" * 300]
        for place in places:
            place = place.encode().decode("unicode_escape")
            _progress.progress_path = lambda: Path(place).expanduser()
            _progress.pieces_folder = lambda: Path(place).expanduser()
            check(right); decode.hint(); decode.solution(); str(progress())
            assert start_here.quiz.answer(1, "b").right
        print("ALL", len(places))
    """
    assert "ALL 11" in script(tmp_path, code)


def entry(text: str) -> str:
    return f'{{"version": 1, "exercises": {{"attention.causal_mask": {text}}}, "quiz": {{}}}}'


DAMAGED = {
    "half a letter": '{"version": 1, "exercises": {"a.\\ud800": {"state": "\\udfff"}}, "quiz": {}}',
    "a list as a state": entry('{"state": [1]}'),
    "no numbers": entry('{"tries": "x", "hints": [], "state": 3}'),
    "not numbers": entry('{"tries": NaN, "hints": Infinity}'),
    "a state of none": entry('{"state": null}'),
    "quiz": '{"version": 1, "exercises": {}, "quiz": {"start_here": {"1": [], "2": {}}}}',
    "deep": '{"version": 1, "exercises": {"a": {"b": ' + "[" * 900 + "]" * 900 + '}}, "quiz": {}}',
    "very deep": "[" * 200_000 + "]" * 200_000,
    "a large number": '{"version": ' + "9" * 10_000 + "}",
}


@pytest.mark.parametrize("name", DAMAGED)
def test_progress_files_of_every_kind(name, tmp_path, capsys):
    (tmp_path / "progress.json").write_text(DAMAGED[name])
    assert ex.causal_mask.check(ex.causal_mask.reference).right
    ex.causal_mask.hint(1)
    ex.causal_mask.solution()
    assert "exercises done" in str(progress()) and progress()._repr_html_()
    capsys.readouterr()
    kept = json.loads((tmp_path / "progress.json").read_text())["exercises"]["attention.causal_mask"]
    assert kept["state"] == "right" and kept["hints"] == 1 and kept["tries"] == 1


class Odd:
    def __eq__(self, other):
        raise RuntimeError

    def __index__(self):
        raise KeyError

    __hash__ = None


@pytest.mark.parametrize("number", ["x", None, 2.0, 0, 9, -1, Odd(), [], float("nan"), "1", ...])
def test_hints_of_no_number(number, capsys):
    ex.causal_mask.hint(number)
    assert "There are 2 hints" in capsys.readouterr().out


def test_the_solution_of_an_exercise_about_a_value(capsys):
    mistakes = [Mistake(str(i), i, "No.") for i in range(3)]
    for value in (7, torch.tensor([1.0, float("-inf")]), [1, float("nan")], torch.float32):
        exercise = Exercise(
            name="size", topic="demo", title="Size", reference=value, cases=[Case()], mistakes=mistakes,
            hints=("One more.", "Seven."), explanation="Days of a week.", kind="explore",
        )  # fmt: skip
        scope: dict = {}
        exec(exercise.solution_source(), scope)
        assert repr(scope["size"]) == repr(value)
        exercise.solution()
    assert "size = 7" in capsys.readouterr().out


def test_the_guard_can_be_warmed_up_by_a_hint(monkeypatch):
    asked = []
    monkeypatch.setattr(_guard.Guard, "warm_up", lambda self: asked.append(1))
    ex.causal_mask.hint()
    assert asked == [1]


def test_surroundings_give_signals_back():
    usual = signal.getsignal(signal.SIGINT)
    with surroundings():
        assert _run.ctrl_c.watched
    assert signal.getsignal(signal.SIGINT) is usual and not _run.ctrl_c.watched


def test_the_limit_does_not_ring_where_nobody_would_hear_it():
    """An exception in what the garbage collector calls is swallowed, printed, and a failure of this test."""
    source = "def slow(phase, info):\n    end = clock() + 0.02\n    while clock() < end:\n        pass\n"
    library = {"clock": time.monotonic}
    exec(compile(source, threading.__file__, "exec"), library)
    gc.callbacks.append(library["slow"])
    try:
        with pytest.raises(_run.TimeUp):
            _run.with_limit(lambda: [(gc.collect(0), time.sleep(0.01)) for _ in range(1000)], seconds=0.1)
    finally:
        gc.callbacks.remove(library["slow"])
