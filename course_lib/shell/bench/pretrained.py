"""A real model that writes: ours in each of its forms, beside `transformers` with the same weights.

Every candidate goes on with the same question, token by token. What a form is worth depends on whether it
writes the same: so each also answers a list of questions, greedily, and the answers are compared with those
of `transformers`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import torch

from course_lib.generation import GREEDY, generate
from course_lib.interop.families import family_for
from course_lib.model import GPT
from course_lib.pretrained import Pretrained, halved, is_here, load_pretrained
from course_lib.shell.bench.measure import interleave, threads
from course_lib.shell.bench.options import Options
from course_lib.shell.bench.report import Row, Section

TITLE, UNIT = "A real model", "ms per token"
QUESTIONS = (
    "What is the capital of Japan?",
    "What is 17 + 25?",
    "Write a poem about rain.",
    "Who wrote Hamlet?",
    "Explain photosynthesis to a child.",
    "Name three fruits.",
    "How do I boil an egg?",
    "Translate 'good morning' into French.",
    "What is the largest planet?",
    "Tell me a joke.",
    "Why is the sky blue?",
    "Write a short story about a lost kite.",
    "List the days of the week.",
    "What is machine learning?",
    "Give me advice for a job interview.",
    "大语言模型在自然语言处理领域",
    "Who won the Nobel prize in physics in 2031?",
    "What is the capital of Burkina Faso?",
    "Write a Python function that adds two numbers.",
    "Summarize: The cat sat on the mat and slept all day.",
)
LONGEST = 50  # tokens of an answer
TIMED = 24  # tokens whose time is taken
PATIENCE = 30.0  # seconds
Forms = dict[str, GPT]


def run(options: Options, read: Callable[[], Pretrained] | None = None, longest: int = LONGEST) -> Section:
    """Measure each number of threads; where the model isn't, a note says how to fetch it."""
    if read is None and not is_here():
        note = "it is not on this computer; `python -m course_lib fetch smollm2` fetches it."
        return Section("pretrained", TITLE, UNIT, (), (note,))
    whole = (read or load_pretrained)()
    theirs = transformers_twin(whole.model)
    prompts = [asked(whole, question) for question in QUESTIONS[: options.pick(len(QUESTIONS), 4)]]
    rows: list[Row] = []
    for number in options.threads:
        with threads(number):
            forms = forms_of(whole.model)  # which are laid out for so many threads
            rows += _measured(forms, theirs, prompts[0], options, f"{number} thread{'s' * (number > 1)}")
    options.progress("answers")
    notes = [f"{TIMED} tokens after a question of {len(prompts[0])}, greedy, with the cache."]
    with threads(max(options.threads)):
        wanted = [answer(theirs, prompt, longest, whole.stop_tokens) for prompt in prompts]
        for name, form in forms.items():
            stops = whole.stop_tokens
            found = [
                generate(form, prompt, longest, sampling=GREEDY, stop_tokens=stops) for prompt in prompts
            ]
            same = sum(mine == other for mine, other in zip(found, wanted, strict=True))
            notes.append(
                f"{name}: the same text as transformers after {same} of {len(prompts)} questions "
                f"(up to {longest} tokens each)."
            )
    return Section("pretrained", TITLE, UNIT, tuple(rows), tuple(notes))


def forms_of(model: GPT) -> Forms:
    """Ours in float32, in bfloat16, and with its matrices in half precision, where this processor can."""
    forms = {"ours": model, "ours, bfloat16": copy.deepcopy(model).to(torch.bfloat16)}
    half = halved(model)
    return forms if half is None else {**forms, "ours, halved": half}


def asked(whole: Pretrained, question: str) -> list[int]:
    """The ids of a question in the form that the model was taught (ChatML)."""
    text = f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n"
    return whole.tokenizer.encode(text, allowed_special="all")


def transformers_twin(model: GPT) -> Any:
    """The model of `transformers` that is the same, sharing the weights."""
    from transformers import AutoConfig, AutoModelForCausalLM
    from transformers.initialization import no_init_weights

    family = family_for(model.config)
    ends = {"bos_token_id": None, "eos_token_id": None}  # so that no text ends before its time
    config = AutoConfig.for_model(family.model_type, **family.config_out(model.config), **ends)
    with no_init_weights():  # which would be drawn for nothing
        theirs = AutoModelForCausalLM.from_config(config, attn_implementation="sdpa")
    theirs.load_state_dict(family.weights_out(model), strict=False, assign=True)
    theirs.tie_weights()
    return theirs.eval()


def answer(theirs: Any, prompt: list[int], n_new: int, stops: tuple[int, ...] = ()) -> list[int]:
    """What `transformers` writes greedily, prompt included."""
    from transformers import GenerationConfig

    ids, ends = torch.tensor([prompt]), list(stops) or None
    config = GenerationConfig(max_new_tokens=n_new, do_sample=False, eos_token_id=ends, pad_token_id=0)
    return theirs.generate(ids, attention_mask=torch.ones_like(ids), generation_config=config)[0].tolist()


def _measured(forms: Forms, theirs: Any, prompt: list[int], options: Options, setting: str) -> Iterator[Row]:
    def writer(form: GPT) -> Callable[[], Any]:
        return lambda: generate(form, prompt, TIMED, sampling=GREEDY)

    candidates: dict[str, Callable[[], Any]] = {name: writer(form) for name, form in forms.items()}
    candidates["transformers"] = lambda: answer(theirs, prompt, TIMED)
    times = interleave(candidates, options.pick(5, 2), 1, PATIENCE, progress=options.progress)
    for name in candidates:
        ratio = None if name == "ours" else times.ratio("ours", name)
        faster = {} if name == "transformers" else {"times as fast": times.ratio("transformers", name).median}
        yield Row(
            setting, name, times.seconds(name).map(lambda seconds: 1e3 * seconds / TIMED), ratio, faster
        )
