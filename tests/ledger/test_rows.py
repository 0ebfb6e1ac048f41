"""Records go into rows and come back as they were; nothing unsafe goes in."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reportdash.ledger import Store
from reportdash.ledger.rows import (
    BODY_BYTES,
    JOB_COLUMNS,
    account_of,
    account_row,
    differences,
    exchange_row,
    job_of,
    row_of,
)
from reportdash.model import (
    Account,
    Artifact,
    ArtifactState,
    Exchange,
    Health,
    Intent,
    IntentKind,
    Job,
    JobState,
    Spec,
    Stage,
    Verified,
    replace,
)
from tests.ledger.conftest import put

words = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF, categories=("L", "N", "P")), max_size=20)
times = st.floats(0, 4e9, allow_nan=False)
maybe_time = st.none() | times
maybe_word = st.none() | words
counts = st.integers(0, 2**40)
artifacts = st.builds(
    Artifact,
    state=st.sampled_from(ArtifactState),
    path=maybe_word,
    bytes=counts,
    total=st.none() | counts,
    sha256=maybe_word,
    verified=st.sampled_from(Verified),
    owner=maybe_word,
    error=maybe_word,
)
intents = st.builds(
    Intent,
    kind=st.sampled_from(IntentKind),
    stage=st.sampled_from(Stage),
    at=times,
    key=words,
    owner=maybe_word,
    tries=counts,
    not_before=maybe_time,
)
specs = st.builds(
    Spec,
    report=words,
    params=st.dictionaries(words, words, max_size=3),
    format=maybe_word,
    time_from=maybe_word,
    time_to=maybe_word,
)
jobs = st.builds(
    Job,
    id=words,
    account=words,
    vendor=words,
    name=words,
    reference=maybe_word,
    state=st.sampled_from(JobState),
    vendor_status=maybe_word,
    message=maybe_word,
    health=st.sampled_from([Health.OK, Health.BAD_PAYLOAD]),
    submitted_at=maybe_time,
    updated_at=maybe_time,
    settled_at=maybe_time,
    expires_at=maybe_time,
    next_poll_at=maybe_time,
    attempts=counts,
    parent=maybe_word,
    artifact=st.none() | artifacts,
    rev=counts,
    spec=st.none() | specs,
    intent=st.none() | intents,
    prior=st.none() | st.sampled_from(JobState),
    tracked=st.booleans(),
    ordinal=counts,
    children_total=st.none() | counts,
    error_code=maybe_word,
    note=maybe_word,
    seen_at=maybe_time,
    checks=counts,
    gone_since=maybe_time,
    gone_count=counts,
    deleted_by_us=st.booleans(),
    forgotten_at=maybe_time,
    adopted=st.booleans(),
    took=st.none() | st.tuples(times, times),
    drift=maybe_word,
)


def test_every_field_of_a_job_has_its_column() -> None:
    named = {field.name for field in fields(Job)} - {"artifact", "took"}
    assert named | {"took_from", "took_to"} <= set(JOB_COLUMNS)
    assert {f"artifact_{field.name}" for field in fields(Artifact)} <= set(JOB_COLUMNS)


@given(jobs)
def test_a_job_comes_back_from_its_row_as_it_was(job: Job) -> None:
    back = job_of(row_of(job))
    assert back == job
    assert type(back) is Job
    assert hash(back.id) == hash(job.id)


@given(jobs, jobs)
def test_the_columns_that_differ_make_the_row_of_one_job_the_row_of_another(old: Job, new: Job) -> None:
    new = replace(new, id=old.id, rev=old.rev)
    columns, mended = differences(old, new)
    row = dict(zip(JOB_COLUMNS, row_of(old), strict=True)) | columns
    assert job_of(tuple(row[name] for name in JOB_COLUMNS)) == replace(new, **mended) == new
    assert differences(new, job_of(row_of(new))) == ({}, {})


@given(job=jobs)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
def test_a_job_comes_back_from_the_file_as_it_was(store: Store, job: Job) -> None:
    plain = replace(job, id=f"z{store.rev()}", reference=None, parent=None)
    store.add_many([plain])
    back = store.job(plain.id)
    assert back is not None
    assert back == replace(plain, rev=back.rev)


@given(
    st.builds(
        Account,
        name=words,
        vendor=words,
        health=st.sampled_from(Health),
        since=maybe_time,
        until=maybe_time,
        message=maybe_word,
        paused=st.booleans(),
        failures=counts,
        accepted_at=maybe_time,
        owner=maybe_word,
        epoch=counts,
        lease_until=maybe_time,
        slots_full_at=maybe_time,
        rev=counts,
    )
)
def test_an_account_comes_back_from_its_row_as_it_was(account: Account) -> None:
    assert account_of(account_row(account)) == account


@given(
    text=st.text(st.characters(categories=("Cs", "Cc", "Cf", "L", "Zl")), max_size=40),
    number=st.integers(-(2**80), 2**80),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
def test_whatever_a_vendor_says_can_be_kept(store: Store, text: str, number: int) -> None:
    job = put(store, name=text, message=text, children_total=number)
    kept = store.change(job.id, lambda job: replace(job, vendor_status=text, note=text, gone_count=number))
    assert kept == store.job(job.id)
    for word in (kept.message, kept.vendor_status, kept.note, kept.name):
        assert word is not None
        assert not any(ord(c) < 32 or 0xD800 <= ord(c) < 0xE000 for c in word)


@given(st.text(max_size=9000), st.text(max_size=9000))
def test_bodies_of_exchanges_never_exceed_four_kibibytes(request: str, response: str) -> None:
    row = exchange_row(Exchange(1.0, "GET", "https://x", 200, 5, request, response))
    assert all(len(body.encode("utf-8")) <= BODY_BYTES for body in (row[5], row[6]))


def test_a_wide_body_is_cut_by_bytes_and_not_by_characters() -> None:
    row = exchange_row(Exchange(1.0, "GET", "https://x", 200, 5, "", "é" * 4000))
    assert len(row[6].encode("utf-8")) <= BODY_BYTES
    assert row[6].endswith("…")


def test_a_long_spec_is_kept_whole(store: Store) -> None:
    spec = Spec("r", {f"k{n}": "v" * 100 for n in range(200)})
    assert put(store, spec=spec).spec == spec


def test_a_path_of_the_ledger_may_hold_any_sign(tmp_path: Path) -> None:
    odd = tmp_path / "a b?mode=ro#%41&é" / "ledger.db"
    with Store.open(odd) as store:
        put(store)
    assert odd.exists()


def test_what_repeats_in_every_row_is_kept_once() -> None:
    job = Job(
        id="aaaaaa",
        account="main",
        vendor="7g",
        name="Balance",
        reference=None,
        state=JobState.READY,
        vendor_status="complete",
        updated_at=1e9,
        settled_at=1e9,
        seen_at=1e9,
        spec=Spec("Balance", {"day": "1"}),
    )
    # As SQLite gives them: each text an object of its own.
    rows = [tuple("".join(list(v)) if isinstance(v, str) else v for v in row_of(job)) for _ in "12"]
    one, two = map(job_of, rows)
    assert one == two == job
    for field in ("account", "vendor", "name", "vendor_status", "spec"):
        assert getattr(one, field) is getattr(two, field)
    assert one.updated_at is one.settled_at is one.seen_at
