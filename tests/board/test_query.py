"""The query language: what matches, what is refused and where, and that it says itself back."""

from __future__ import annotations

import fnmatch
from datetime import UTC, date, datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reportdash.board import fields
from reportdash.board.query import QueryError, parse
from reportdash.board.records import Records
from reportdash.board.sieve import Sieve
from reportdash.board.states import WORDS
from reportdash.board.terms import Compare, Field, Query, Value, Words
from reportdash.model import Artifact, ArtifactState, Health, Job, JobState, Verified, replace

NOW = 1_800_000_000.0


def job(**changes: object) -> Job:
    base: dict[str, object] = {
        "id": "k3f9ta",
        "account": "billing",
        "vendor": "sigma",
        "name": "Month-end pack",
        "reference": "group:REF-17",
        "state": JobState.READY,
        "vendor_status": "PUBLISHED",
        "message": "Made in time",
        "submitted_at": NOW - 7200,
    }
    return Job(**{**base, **changes})  # type: ignore[arg-type]


def matches(text: str, of: Job, health: Health = Health.OK) -> bool:
    return parse(text).matches(of, health, NOW)


@pytest.mark.parametrize(
    "text",
    [
        "k3f9",
        "month-END",
        "billing",
        "ready",
        "publish",
        "made",
        "REF-17",
        "",
        '"month-end pack"',
        "pack|nothing",
    ],
)
def test_a_plain_word_is_found_in_every_field_it_is_looked_for_in(text: str) -> None:
    assert matches(text, job())


def test_a_plain_word_is_not_looked_for_in_the_vendors_name() -> None:
    assert not matches("sigma", job())
    assert matches("vendor:sigma", job())


def test_all_terms_must_hold() -> None:
    assert matches("month billing", job())
    assert not matches("month main", job())


def test_a_minus_turns_a_term_round() -> None:
    assert not matches("-month", job())
    assert matches("-main -state:failed", job())


def test_a_field_takes_one_of_several_values() -> None:
    assert matches("state:failed|ready", job())
    assert not matches("state:failed|lost", job())
    assert matches("-state:failed|lost", job())


@pytest.mark.parametrize("state", list(JobState))
def test_the_state_is_found_by_its_name_and_by_the_word_shown(state: JobState) -> None:
    assert matches(f"state:{state}", job(state=state))
    assert matches(f'state:"{WORDS[state]}"', job(state=state))
    others = [other for other in JobState if other is not state]
    assert not any(matches(f"state:{state}", job(state=other)) for other in others)


def test_ready_does_not_mean_ready_with_warnings() -> None:
    assert not matches("state:ready", job(state=JobState.READY_WITH_WARNINGS))


def test_a_star_stands_for_any_text_and_the_pattern_fits_the_whole_field() -> None:
    assert matches("name:month*", job())
    assert matches("name:*pack", job())
    assert not matches("name:pack*", job())
    assert matches("mon*pack", job())


def test_a_star_in_quotes_is_a_star() -> None:
    assert not matches('name:"mon*"', job())
    assert matches('name:"mon*"', job(name="mon*day"))


def test_health_is_the_accounts_before_the_jobs() -> None:
    assert matches("health:throttled", job(), Health.THROTTLED)
    assert matches("health:bad_payload", job(health=Health.BAD_PAYLOAD))
    assert not matches("health:bad_payload", job(health=Health.BAD_PAYLOAD), Health.PAUSED)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("age>1h", True),
        ("age>2h", False),
        ("age>=2h", True),
        ("age<3h", True),
        ("size>10MB", True),
        ("size>11MB", False),
        ("size<=10.5MB", True),
        ("expires<6h", True),
        ("expires<1h", False),
        ("attempts>0", False),
        ("submitted_at>2020-01-01", True),
        ("submitted_at<2020-01-01T00:00Z", False),
        ("-age>3h", True),
    ],
)
def test_quantities_are_compared(text: str, holds: bool) -> None:
    artifact = Artifact(ArtifactState.SAVED, bytes=10_500_000)
    assert matches(text, job(artifact=artifact, expires_at=NOW + 4 * 3600)) is holds


def test_a_job_without_the_quantity_is_on_neither_side() -> None:
    assert not matches("age>0s", job(submitted_at=None))
    assert not matches("age<99d", job(submitted_at=None))


def test_an_empty_value_asks_for_what_is_absent() -> None:
    assert matches('message:""', job(message=None))
    assert not matches('message:""', job())


@pytest.mark.parametrize(
    ("text", "position", "word"),
    [
        ("stat:ready", 0, "state"),
        ("month state:redy", 12, "ready"),
        ("state:", 6, "missing"),
        ("-", 0, "minus"),
        ('name:"open', 5, "closed"),
        ("age>", 4, "length of time"),
        ("age>soon", 4, "length of time"),
        ("size>2h", 5, "size"),
        ('"a"b', 3, "blank"),
        ("weight>2", 0, "quantity"),
        ("health:sick", 7, "health"),
        ("state:failed|redy", 13, "ready"),
        ("state>3", 5, "write state:"),
        ("age:2h", 3, "age>2h"),
        ("size<10 expires_at>soon", 19, "date"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(text: str, position: int, word: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse(text)
    assert caught.value.position == position
    assert word in str(caught.value)


def test_a_pattern_full_of_stars_is_read_once_along_the_text() -> None:
    long = job(message="a" * 500)
    assert not matches("message:" + "*a" * 200 + "*b", long)
    assert matches("message:" + "*a" * 200 + "*", long)
    assert matches("*a" * 100 + "*", long)


def test_the_copys_own_fields_can_be_named() -> None:
    saved = job(
        artifact=Artifact(
            ArtifactState.SAVED, path="/r/Pack.csv", bytes=7, sha256="ab12", verified=Verified.LENGTH
        )
    )
    assert matches("path:pack.csv sha256:AB verified:length", saved)
    assert not matches("verified:checksum", saved)
    assert not matches("verified:none", job()), "without a copy there is nothing to verify"


def test_bytes_and_total_are_compared() -> None:
    half = job(artifact=Artifact(ArtifactState.FETCHING, bytes=5_000, total=10_000))
    assert matches("bytes<6kB total>=10kB size>9kB", half)
    assert not matches("total>1kB", job()), "without a copy there is nothing to compare"


def test_a_query_is_bounded() -> None:
    with pytest.raises(QueryError):
        parse("a " * 65)
    with pytest.raises(QueryError):
        parse("a" * 2001)


def test_every_field_of_the_json_can_be_named() -> None:
    assert set(job().as_json()) <= set(fields.FIELDS)


# Laws.

texts = st.text(st.characters(codec="utf-8", exclude_characters="\n\r"), min_size=1, max_size=12)
values = st.one_of(
    texts.map(lambda text: Value(text)),
    st.text("abAB01-_.", min_size=1, max_size=6).map(lambda text: Value(f"{text}*", glob=True)),
)
free = st.sampled_from(["name", "message", "reference", "account", "vendor_status", "id", "parent"])


def _closed(name: str) -> st.SearchStrategy[Field]:
    allowed = fields.FIELDS[name].allowed
    value = st.sampled_from(allowed).map(lambda text: Value(text))
    return st.builds(Field, st.just(name), st.lists(value, min_size=1, max_size=3).map(tuple), st.booleans())


many = st.lists(values, min_size=1, max_size=3).map(tuple)


def _compares(names: list[str], bounds: st.SearchStrategy[str]) -> st.SearchStrategy[Compare]:
    def made(name: str, op: str, bound: str, negated: bool) -> Compare:
        return Compare(name, op, bound, fields.MEASURES[name].parse(bound), negated)

    return st.builds(
        made, st.sampled_from(names), st.sampled_from([">", "<", ">=", "<="]), bounds, st.booleans()
    )


numbers = st.integers(0, 999)
DAYS = ["submitted_at", "expires_at"]
compares = st.one_of(
    _compares(["age", "expires"], numbers.map(lambda number: f"{number}h")),
    _compares(["size"], numbers.map(lambda number: f"{number}kb")),
    _compares(["attempts"], st.integers(0, 4).map(str)),
    _compares(DAYS, st.dates(date(2026, 1, 1), date(2027, 12, 31)).map(str)),
)
terms = st.one_of(
    st.builds(Words, many, st.booleans()).filter(lambda term: not term.values[0].text.startswith("-")),
    st.builds(Field, free, many, st.booleans()),
    st.sampled_from(["state", "health", "artifact", "is"]).flatmap(_closed),
    compares,
)
queries = st.lists(terms, max_size=6).map(lambda found: Query(tuple(found)))
jobs = st.builds(
    job,
    name=texts,
    message=st.none() | texts,
    vendor_status=st.none() | texts,
    state=st.sampled_from(JobState),
    submitted_at=st.none() | st.floats(NOW - 10**7, NOW),
    expires_at=st.none() | st.floats(NOW - 10**5, NOW + 10**7),
    attempts=st.integers(0, 4),
    artifact=st.none()
    | st.builds(
        Artifact,
        st.sampled_from(ArtifactState),
        bytes=st.integers(0, 10**6),
        total=st.none() | st.integers(1, 10**6),
    ),
)


@given(queries)
def test_a_query_reads_back_what_it_prints(query: Query) -> None:
    assert parse(str(query)) == query


@given(st.text(max_size=40))
def test_any_text_is_either_a_query_that_reads_back_or_refused_inside_it(text: str) -> None:
    try:
        query = parse(text)
    except QueryError as error:
        assert 0 <= error.position <= len(text)  # noqa: PT017 - either end is a pass
    else:
        assert parse(str(query)) == query


def _amount(term: Compare, of: Job) -> tuple[float | None, float]:
    if term.name in DAYS:
        at = datetime.combine(date.fromisoformat(term.bound), time(), UTC).timestamp()
        return getattr(of, term.name), at
    if term.name == "attempts":
        return of.attempts, int(term.bound)
    if term.name == "size":
        held = None if of.artifact is None else of.artifact.total or of.artifact.bytes
        return held, float(term.bound[:-2]) * 1000
    start = of.submitted_at if term.name == "age" else of.expires_at
    if start is None or (term.name == "expires" and start < NOW):
        return None, 0.0
    return (NOW - start if term.name == "age" else start - NOW), float(term.bound[:-1]) * 3600


def _naive(term: Words | Field | Compare, of: Job, health: Health) -> bool:
    """The same language, told a second time in the slowest and plainest way."""
    if isinstance(term, Compare):
        have, limit = _amount(term, of)
        if have is None:
            return term.negated
        held = {">": have > limit, "<": have < limit, ">=": have >= limit, "<=": have <= limit}[term.op]
        return held != term.negated
    if isinstance(term, Words):
        texts = [of.id, of.name, of.account, str(of.state), of.vendor_status, of.message, of.reference]
        texts += [WORDS[of.state]]
        part = True
    else:
        spec = fields.FIELDS[term.name]
        if spec.allowed:
            texts = list(spec.read(spec.of(of, health)))
        else:
            texts = [getattr(of, term.name)]
        part = term.name in ("name", "message", "reference")
    found = False
    for value in term.values:
        for text in texts:
            have_, want = (text or "").casefold(), value.text.casefold()
            if value.glob:
                found |= fnmatch.fnmatchcase(have_, want.replace("[", "[[]"))
            elif part and want:
                found |= want in have_
            elif isinstance(term, Field) and term.name in ("id", "parent") and want:
                found |= have_.startswith(want)
            else:
                found |= have_ == want
    return found != term.negated


@given(queries, jobs, st.sampled_from(Health))
def test_it_agrees_with_a_naive_evaluator(query: Query, of: Job, health: Health) -> None:
    expected = all(_naive(term, of, health) for term in query.terms)
    assert query.matches(of, health, NOW) is expected


@given(queries, st.lists(jobs, max_size=30))
def test_a_whole_table_is_sifted_as_its_jobs_one_by_one(query: Query, many: list[Job]) -> None:
    records = Records()
    records.load([replace(one, id=f"j{n:05}", parent=None) for n, one in enumerate(many)], (), NOW)
    sieve = Sieve(records)
    sieve.set(query)
    one_by_one = [sieve.passes(slot, NOW) for slot in range(len(many))]
    assert list(map(bool, sieve.passing(0, len(many), NOW))) == one_by_one
    assert one_by_one == [query.matches(job, Health.OK, NOW) for job in records.jobs if job is not None]
