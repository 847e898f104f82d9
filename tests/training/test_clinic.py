"""The clinic: every fault shows as it should, in a real training, and nothing else is changed by it."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_lib.config import GPTConfig
from course_lib.context import encode_documents
from course_lib.data import END_OF_TEXT, load_corpus
from course_lib.model import GPT
from course_lib.training import clinic
from course_lib.training.clinic import FAULTS, HEALTHY, LETTERS, Case, Plan, run_case
from course_lib.training.recipe import TrainConfig
from course_lib.world.corpus import stated_floor

pytestmark = pytest.mark.usefixtures("one_thread")

SHORT = TrainConfig(steps=3, batch_size=2, log_every=1, eval_every=2)


@pytest.fixture(scope="module")
def letters() -> clinic.Letters:
    return clinic.load_letters()


def plan(dropout: float = 0.0, ids: torch.Tensor | None = None) -> Plan:
    config = GPTConfig.preset("tiny", vocab_size=11, context_length=5, n_heads=1, width=6, dropout=dropout)
    ids = torch.arange(31) % 11 if ids is None else ids
    return Plan(GPT(config, torch.Generator().manual_seed(0)), ids, ids + 0, SHORT)


# What each fault changes --------------------------------------------------------------------------


def test_the_answers_name_each_fault_once():
    assert list(LETTERS) == list("ABCDEF") and sorted(LETTERS.values()) == sorted(FAULTS)
    assert list(LETTERS.values()) != list(FAULTS)


@given(
    st.lists(st.integers(0, 10), min_size=7, max_size=40), st.integers(1, 4), st.integers(0, 3), st.booleans()
)
def test_targets_are_the_inputs_one_further_on_or_the_inputs_themselves(ids, batch_size, seed, sick):
    healthy = plan(ids=torch.tensor(ids))
    healthy = replace(healthy, recipe=replace(SHORT, batch_size=batch_size))
    one = clinic.targets_not_shifted(healthy) if sick else healthy
    drawn, (measured,) = one.draw(torch.Generator().manual_seed(seed)), one.measure(one.validation)
    assert drawn[0].shape == drawn[1].shape == (batch_size, 5)
    for x, y in (drawn, measured):
        if sick:
            assert torch.equal(x, y)
        else:
            assert torch.equal(x[:, 1:], y[:, :-1])
            text = " ".join(map(str, ids))
            assert all(
                " ".join(map(str, [*a, b[-1]])) in text for a, b in zip(x.tolist(), y.tolist(), strict=True)
            )


def test_measured_windows_are_few_and_reach_over_the_whole_text():
    ids = torch.arange(1000)
    ((x, y),) = plan(ids=ids).measure(ids)
    assert clinic.MEASURED <= len(x) <= clinic.MEASURED + 1 and x[0, 0] == 0 and y[-1, -1] > 900


def test_without_a_mask_the_present_knows_the_future():
    ids, other = torch.tensor([[1, 2, 3, 4, 5]]), torch.tensor([[1, 2, 3, 4, 9]])
    model = plan().model
    assert torch.equal(model(ids)[:, :4], model(other)[:, :4])
    model = clinic.no_mask(plan()).model
    assert not torch.allclose(model(ids)[:, :4], model(other)[:, :4])


def test_dropout_stays_on_though_the_model_is_told_to_evaluate():
    ids = torch.tensor([[1, 2, 3]])
    model = plan(dropout=0.5).model.eval()
    assert torch.equal(model(ids), model(ids))
    model = clinic.validated_in_training(plan(dropout=0.5)).model.eval()
    assert not torch.equal(model(ids), model(ids))
    assert not any(part.training for part in model.modules())  # left in the mode it was in


def test_a_fault_in_the_recipe_is_all_that_it_changes():
    healthy = replace(plan(), recipe=clinic.RECIPE)
    for fault, change in ((clinic.no_warmup, {"warmup": 0.0}), (clinic.rate_too_high, {"lr": 1.5})):
        sick = fault(healthy)
        assert sick.recipe == replace(clinic.RECIPE, **change)
        assert replace(sick, recipe=healthy.recipe) == healthy
    assert clinic.healthy(healthy) is healthy


def test_a_leak_puts_the_validation_text_into_a_training_text_of_the_same_length():
    healthy = replace(plan(ids=torch.arange(2000) % 11), validation=torch.arange(300) % 7)
    sick = clinic.leaked_validation(healthy)
    assert torch.equal(sick.train[:1700], healthy.train[:1700])
    assert torch.equal(sick.train[1700:], healthy.validation)
    assert replace(sick, train=healthy.train) == healthy


def test_a_training_text_shorter_than_the_validation_text_is_replaced_whole():
    sick = clinic.leaked_validation(replace(plan(), train=torch.arange(5), validation=torch.arange(9)))
    assert torch.equal(sick.train, sick.validation)


# The stories --------------------------------------------------------------------------------------


def test_the_three_streams_share_no_story(letters):
    def stories(ids):
        return set(letters.tokenizer.decode(ids.tolist()).split(END_OF_TEXT)) - {""}

    train, validation, fresh = stories(letters.train), stories(letters.validation), stories(letters.fresh)
    assert len(train) > 900 and len(validation) > 90 and len(fresh) > 90
    assert not validation & fresh and len(validation & train) < 5 and len(fresh & train) < 5


def test_the_floor_is_that_of_the_validation_stories(letters):
    stories = load_corpus("world-en").validation
    count = len(encode_documents(stories, letters.tokenizer)) - 1  # the first end stands before all stories
    assert letters.floor * count == pytest.approx(
        stated_floor("validation", "en").nats_per_document * len(stories)
    )


# A run ---------------------------------------------------------------------------------------------


def test_an_unknown_fault_is_named(letters):
    with pytest.raises(ValueError, match="bad_luck.*healthy.*no_mask"):
        run_case("bad_luck", letters)


@pytest.mark.parametrize("fault", (HEALTHY, "validated_in_training"))
def test_equal_seeds_give_equal_cases_and_leave_torchs_chance_alone(letters, fault):
    def shown(case: Case):
        return case.history.train_losses, case.history.val_losses, case.again, case.fresh_loss, case.sample

    before = torch.random.get_rng_state()
    case = run_case(fault, letters, seed=3, letter="D", recipe=SHORT)
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.rand(7)
    assert shown(case) == shown(run_case(fault, letters, seed=3, recipe=SHORT))
    assert shown(case) != shown(run_case(fault, letters, seed=4, recipe=SHORT))
    assert case.letter == "D" and case.history.steps == (1, 2, 3) and case.history.val_steps == (2, 3)


# What can be seen: real trainings, seven in half a minute ------------------------------------------


@pytest.fixture(scope="module")
def cases(letters) -> dict[str, Case]:
    torch.set_num_threads(1)
    sick = clinic.clinic(letters)
    assert [case.letter for case in sick] == list(LETTERS)
    return {HEALTHY: run_case(HEALTHY, letters), **{LETTERS[case.letter]: case for case in sick}}


def at(case: Case, step: int) -> float:
    return dict(zip(case.history.steps, case.history.train_losses, strict=True))[step]


def jump(case: Case) -> float:
    losses = case.history.train_losses
    return max(after - before for before, after in pairwise(losses))


def lead(case: Case) -> float:
    """How far validation lies below training in the last 100 steps, on average."""
    history = case.history
    gaps = [
        at(case, step) - loss
        for step, loss in zip(history.val_steps, history.val_losses, strict=True)
        if step > history.steps[-1] - 100
    ]
    return sum(gaps) / len(gaps)


def test_the_healthy_run_learns_and_its_validation_leads(cases):
    case = cases[HEALTHY]
    assert case.history.val_loss < 2.25 and jump(case) < 0.15
    assert abs(case.fresh_loss - case.history.val_loss) < 0.15
    assert lead(case) > 0.05


def test_everybody_is_measured_by_the_same_numbers_thrice_but_for_one(cases):
    for fault, case in cases.items():
        assert len(case.again) == 3
        assert len(set(case.again)) == (3 if fault == "validated_in_training" else 1), fault


def test_unshifted_targets_are_copied_at_once(cases, letters):
    case = cases["targets_not_shifted"]
    assert at(case, 50) < letters.floor and case.history.val_loss < 0.02 and case.fresh_loss < 0.02
    assert len(set(case.sample[10:])) <= 2


def test_without_a_mask_the_loss_falls_through_the_floor_later_and_words_are_not_learned(cases, letters):
    case = cases["no_mask"]
    assert at(case, 30) > 2.0
    assert case.history.val_loss < letters.floor and case.fresh_loss < letters.floor
    known = {word.strip('.,"!?') for text in load_corpus("world-en").train[:1000] for word in text.split()}

    def share(sample):
        words = sample[4:].split()
        return sum(word.strip('.,"!?') in known for word in words if len(word) > 2) / len(words)

    assert share(case.sample) < share(cases[HEALTHY].sample)


def test_too_high_a_rate_jumps_and_ends_high(cases):
    case = cases["rate_too_high"]
    assert jump(case) > 0.3 and case.history.val_loss > cases[HEALTHY].history.val_loss + 0.6


def test_without_warm_up_the_beginning_is_lost_and_not_made_up_for(cases):
    case, healthy = cases["no_warmup"], cases[HEALTHY]
    assert at(case, 50) > at(healthy, 50) + 0.15
    assert case.history.val_loss > healthy.history.val_loss + 0.12
    assert jump(case) < 0.2 and case.history.val_loss < 2.7  # unlike a rate that is too high


def test_validation_with_dropout_has_lost_its_lead(cases):
    assert lead(cases["validated_in_training"]) < lead(cases[HEALTHY]) - 0.03


def test_a_leak_looks_healthy_wherever_one_looks(cases):
    case, healthy = cases["leaked_validation"], cases[HEALTHY]
    assert abs(case.history.val_loss - healthy.history.val_loss) < 0.15
    assert abs(case.fresh_loss - healthy.fresh_loss) < 0.15 and jump(case) < 0.15 and lead(case) > 0.05
    for fault, other in cases.items():
        assert abs(other.fresh_loss - other.history.val_loss) < 0.2, fault


def test_a_leak_is_found_by_looking_for_the_stories(letters):
    def stories(ids):
        return set(letters.tokenizer.decode(ids.tolist()).split(END_OF_TEXT)) - {""}

    healthy = Plan(None, letters.train, letters.validation)
    held = stories(letters.validation)
    assert held <= stories(clinic.leaked_validation(healthy).train)
    assert len(held & stories(healthy.train)) < 5


@pytest.mark.parametrize("part", ["train", "validation", "fresh"])
def test_a_stream_that_is_too_short_is_said_before_the_training(letters, monkeypatch, part):
    monkeypatch.setattr(clinic, "train", lambda *parts, **options: pytest.fail("it began"))
    short = replace(letters, **{part: getattr(letters, part)[:64]})
    with pytest.raises(ValueError, match="a window of 64 and its last target need 65"):
        run_case(HEALTHY, short, recipe=SHORT)
