"""One process polls an account; what another wrote with an old epoch is refused."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from reportdash.clock import ManualClock
from reportdash.errors import LeaseLost
from reportdash.ledger import Store, owner
from reportdash.ledger.store import Failed
from reportdash.model import Fence, Health, Job, JobState, replace
from tests.ledger.conftest import put


@pytest.fixture
def other(store: Store, path: Path, clock: ManualClock) -> Iterator[Store]:
    """Another process's ledger, on another host."""
    store.write(lambda: store.verbs.ensure_accounts({"main": "7g"}))
    store.write(store.leases.beat)
    with Store.open(path, clock=clock, owner="other") as opened:
        opened.write(opened.leases.beat)
        yield opened


def take(store: Store) -> Fence | None:
    return store.write(lambda: store.leases.take("main"))


def taken(store: Store) -> Fence:
    fence = take(store)
    assert fence is not None
    return fence


def touch(job: Job) -> Job:
    return replace(job, checks=job.checks + 1)


def test_an_account_is_leased_to_one_owner_at_a_time(store: Store, other: Store) -> None:
    fence = taken(store)
    assert fence == Fence("main", "this", 1)
    assert take(other) is None
    assert store.account("main").owner == "this"


def test_a_lease_that_ran_out_goes_to_the_next_with_a_new_epoch(
    store: Store, other: Store, clock: ManualClock
) -> None:
    taken(store)
    clock.jump(29.9)
    assert take(other) is None
    clock.jump(0.2)
    assert take(other) == Fence("main", "other", 2)
    assert take(store) is None


def test_a_renewed_lease_does_not_run_out(store: Store, other: Store, clock: ManualClock) -> None:
    fence = taken(store)
    for _ in range(5):
        clock.jump(20)
        store.write(lambda: store.leases.renew(fence))
        other.write(other.leases.beat)
        store.write(store.leases.beat)
        assert take(other) is None


def test_after_a_takeover_the_old_owners_writes_are_refused(
    store: Store, other: Store, clock: ManualClock
) -> None:
    job = put(store)
    old = taken(store)
    store.change(job.id, touch, fence=old)
    clock.jump(31)
    new = taken(other)
    with pytest.raises(LeaseLost):
        store.change(job.id, touch, fence=old)
    with pytest.raises(LeaseLost):
        store.write(lambda: store.leases.renew(old))
    with pytest.raises(LeaseLost):
        store.write(
            lambda: store.verbs.change_account("main", lambda a: replace(a, health=Health.OK), fence=old)
        )
    with pytest.raises(LeaseLost):
        store.write(lambda: store.verbs.change_group(job.id, lambda job, kids: (touch(job), kids), fence=old))
    store.write(lambda: store.leases.release(old))
    assert other.account("main").owner == "other"
    assert other.change(job.id, touch, fence=new).checks == 2


def test_the_same_owner_with_an_older_epoch_is_refused_too(store: Store, other: Store) -> None:
    job = put(store)
    old = taken(store)
    new = taken(store)
    assert new.epoch == old.epoch + 1
    with pytest.raises(LeaseLost):
        store.change(job.id, touch, fence=old)
    assert store.change(job.id, touch, fence=new).checks == 1


def test_another_owner_with_the_same_epoch_is_refused_too(store: Store, other: Store) -> None:
    job = put(store)
    fence = taken(store)
    with pytest.raises(LeaseLost):
        other.change(job.id, touch, fence=fence._replace(owner="other"))


def test_a_stale_write_in_a_batch_does_not_undo_its_neighbours(
    store: Store, other: Store, clock: ManualClock
) -> None:
    one, two = put(store), put(store)
    stale = taken(store)
    fence = taken(store)
    results = store.commit(
        [
            lambda: store.verbs.change(one.id, touch, fence=fence),
            lambda: store.verbs.change(two.id, touch, fence=stale),
            lambda: store.verbs.change(one.id, touch, fence=fence),
        ]
    )
    assert [isinstance(result, Failed) for result in results] == [False, True, False]
    assert isinstance(results[1].error, LeaseLost)
    assert [job.checks for job in (store.job(one.id), store.job(two.id)) if job] == [2, 0]


def test_a_released_lease_is_free_at_once(store: Store, other: Store) -> None:
    fence = taken(store)
    store.write(lambda: store.leases.release(fence))
    assert store.account("main").owner is None
    assert take(other) == Fence("main", "other", 2)


def test_a_lease_of_a_killed_process_of_this_host_is_free_at_once(store: Store, other: Store) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    host = os.uname().nodename
    name = f"{host}:{child.pid}:{owner._started(child.pid)}:ab"
    store.leases.owner = name
    taken(store)
    assert take(other) is None
    assert store.owner_alive(name, 0.0)
    child.kill()
    child.wait()
    assert not store.owner_alive(name, 0.0)
    assert take(other) is not None


def test_a_later_process_with_the_same_pid_is_somebody_else() -> None:
    mine = owner.this_process()
    assert owner.lives_here(mine)
    host, pid, started, tail = mine.rsplit(":", 3)
    assert owner.lives_here(f"{host}:{pid}:{int(started) - 1}:{tail}") is False
    assert owner.lives_here(f"elsewhere:{pid}:{started}:{tail}") is None
    assert owner.lives_here("strange") is None


def _looked_at_from_a_container(name: str) -> str:
    """What `lives_here` says of it in another PID namespace of the same host name."""
    code = f"from reportdash.ledger import owner; print(owner.lives_here({name!r}))"
    apart = ["unshare", "-rpf", "--mount-proc"]
    if not shutil.which("unshare") or subprocess.run([*apart, "true"], capture_output=True).returncode:
        pytest.skip("no process may have a namespace of its own here")
    return subprocess.run(
        [*apart, sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_a_process_that_cannot_be_seen_from_a_container_is_not_taken_for_dead() -> None:
    """Two containers, or one and its host, may have one name, and share the ledger."""
    mine = owner.this_process()
    assert owner.lives_here(mine)
    assert _looked_at_from_a_container(mine) == "None"


def test_a_zombie_has_ended() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    name = f"{os.uname().nodename}:{child.pid}:{owner._started(child.pid)}:ab"
    assert owner.lives_here(name)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert owner.lives_here(name) is False
    child.wait()


def test_an_owner_on_another_host_lives_by_its_heartbeat(
    store: Store, other: Store, clock: ManualClock
) -> None:
    assert store.owner_alive("other", clock.now())
    clock.jump(59)
    assert store.owner_alive("other", clock.now())
    clock.jump(2)
    assert not store.owner_alive("other", clock.now())
    assert not store.owner_alive("never seen", clock.now())


def test_leaving_gives_back_every_lease_and_no_other(store: Store, other: Store) -> None:
    store.write(lambda: store.verbs.ensure_accounts({"calls": "talkdesk"}))
    taken(store)
    other.write(lambda: other.leases.take("calls"))
    store.write(store.leases.release_all)
    assert store.account("main").owner is None
    assert store.account("calls").owner == "other"
    assert not store.owner_alive("this", 0.0)


def test_a_change_without_a_fence_needs_no_lease(store: Store, other: Store) -> None:
    job = put(other)
    taken(store)
    assert other.change(job.id, lambda job: replace(job, state=JobState.READY)).state is JobState.READY
