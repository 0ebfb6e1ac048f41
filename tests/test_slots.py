"""Frozen records with slots are copied and compared as `dataclasses` would, and stay frozen."""

from __future__ import annotations

import copy
import dataclasses
import pickle

import pytest

from reportdash.model import Account, Credential, Health, Job, JobState, Spec
from reportdash.slots import differing, open_twin, replace

JOB = Job("aaaaaa", "main", "7g", "Balance", "r1", JobState.RUNNING, spec=Spec("Balance", {"day": "1"}))


def test_a_replaced_field_is_all_that_differs() -> None:
    changed = replace(JOB, state=JobState.READY, checks=3)
    assert changed == dataclasses.replace(JOB, state=JobState.READY, checks=3)
    assert type(changed) is Job
    assert hash(changed.id) == hash(JOB.id)
    assert JOB.state is JobState.RUNNING
    assert replace(Account("main", "7g"), health=Health.OK) == Account("main", "7g")


def test_a_copy_is_as_frozen_as_its_record() -> None:
    changed = replace(JOB, checks=3)
    with pytest.raises(dataclasses.FrozenInstanceError):
        changed.checks = 4  # type: ignore[misc]
    assert pickle.loads(pickle.dumps(changed)) == changed == copy.copy(changed)


def test_a_field_that_does_not_exist_cannot_be_replaced() -> None:
    with pytest.raises(TypeError, match=r"Job has no field 'colour'"):
        replace(JOB, colour="red")  # type: ignore[call-arg]


def test_a_record_without_slots_is_copied_all_the_same() -> None:
    secret = Credential({"api_key": "k"}, None, "memory")
    assert replace(secret, source="vault") == Credential({"api_key": "k"}, None, "vault")


def test_fields_that_are_not_the_same_object_differ_in_their_order() -> None:
    assert differing(JOB, JOB) == []
    assert differing(JOB, replace(JOB, note="went back", name="Other")) == [
        ("name", "Balance", "Other"),
        ("note", None, "went back"),
    ]


def test_an_open_twin_becomes_its_record() -> None:
    twin = open_twin(Spec)()
    twin.report, twin.params, twin.format, twin.time_from, twin.time_to = "Balance", {}, None, None, None
    twin.__class__ = Spec
    assert twin == Spec("Balance")
