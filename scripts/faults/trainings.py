"""Trainings killed at random moments, some while they save, and resumed: nothing may be lost or differ."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

from faults import ROOT, Part

LIMIT = 300.0  # seconds for a training, which takes a few
TRAINING = """
import hashlib, sys, torch
from course_lib import config, model, runtime, training

torch.set_num_threads(1)
ids = torch.randint(64, (4000,), generator=runtime.seed(1))
shape = config.GPTConfig(vocab_size=64, context_length=16, n_layers=1, n_heads=2, width=16, dropout=0.1)
net = model.GPT(shape, generator=runtime.seed(0))
recipe = training.TrainConfig(steps=400, batch_size=4, checkpoint_every=5)
print("begins", flush=True)
training.train(net, ids, recipe, checkpoint_path=sys.argv[1], resume=True)
print(hashlib.sha256(b"".join(w.detach().numpy().tobytes() for w in net.parameters())).hexdigest())
"""


def killed(share: float, folder: Path) -> Part:
    """Trainings killed at random moments, half of them while a checkpoint is being written, and resumed."""
    part = Part("trainings killed with SIGKILL and resumed", "weights equal to the last bit")
    chance, program = random.Random(0), folder / "train.py"
    program.write_text(TRAINING, encoding="utf-8")
    began = time.monotonic()
    wanted = _digest(_started(program, folder / "whole" / "run.ckpt"))
    longest = time.monotonic() - began
    caught = 0
    for number in range(max(2, round(20 * share))):
        place = folder / str(number) / "run.ckpt"
        process = _started(program, place)
        if number % 2:
            caught += _kill_in_saving(process, place, chance.uniform(0, 0.3))
        else:
            time.sleep(chance.uniform(0.0, 0.3 * longest))
            process.kill()
        _digest(process)
        left = "a checkpoint" if place.exists() else "no checkpoint"
        got = _digest(_started(program, place))
        part.add(
            None if got == wanted else f"killed with {left}, it ended otherwise: {got or 'nothing said'}"
        )
    part.note = f"{caught} of them in the middle of saving"
    return part


def _started(program: Path, place: Path) -> subprocess.Popen:
    place.parent.mkdir(exist_ok=True)
    process = subprocess.Popen([sys.executable, program, place], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    late = threading.Timer(LIMIT, process.kill)
    late.start()
    began = process.stdout is not None and process.stdout.readline() == "begins\n"
    late.cancel()
    if not began:
        process.kill()
        raise RuntimeError(f"A training did not begin within {LIMIT:g} seconds, or ended before.")
    return process


def _digest(process: subprocess.Popen) -> str:
    """What a training prints at its end; it is ended if it takes too long."""
    try:
        return process.communicate(timeout=LIMIT)[0].strip()
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return f"not done after {LIMIT:g} seconds"


def _kill_in_saving(process: subprocess.Popen, place: Path, earliest: float) -> bool:
    """Kill a training as soon as something else than the checkpoint lies beside it; whether that was so."""
    time.sleep(earliest)
    end = time.monotonic() + LIMIT
    while process.poll() is None and time.monotonic() < end:
        if any(name != place.name and not name.endswith(".lock") for name in os.listdir(place.parent)):
            process.kill()
            return True
    return False
