"""The main job, without a screen: submit, watch, read, download, delete, come back tomorrow."""

from __future__ import annotations

import json
import stat
import uuid
from pathlib import Path

from reportdash.simulator import Simulator
from tests.cli.conftest import Shell, toml

JSON_TYPE = {"Content-Type": "application/json"}
GUID = "a1b2c3d4-e5f6-4890-abcd-ef1234567890"


async def test_submit_prints_the_id_and_jobs_shows_the_row_without_any_request(
    shell: Shell, sim: Simulator
) -> None:
    ran = await shell("submit", "main", "EntityBalanceReport", "-p", "ProductID=17", "--name", "Balances")
    assert ran.code == 0, ran.err
    (job_id,) = ran.lines
    assert len(job_id) == 6
    assert set(job_id) <= set("abcdefghijklmnopqrstuvwxyz234567")
    before = len(sim.requests)
    listed = await shell("jobs", "--json")
    assert len(sim.requests) == before
    row = listed.row
    assert row["id"] == job_id
    assert row["name"] == "Balances"
    assert row["account"] == "main"
    assert row["vendor"] == "7g"
    assert row["state"] in ("queued", "running")
    assert row["reference"]
    fields = "id account vendor name reference state vendor_status message health submitted_at updated_at "
    assert " ".join(row) == fields + "settled_at expires_at next_poll_at attempts parent artifact"


async def test_watch_drives_four_vendors_to_their_ends_and_saves_what_is_ready(
    shell: Shell, sim: Simulator
) -> None:
    sim.script("7g", None, ["pending", "incomplete", "complete"])
    sim.script("sigma", None, ["", "GENERATED", "PUBLISHED"])
    sim.script("webadmit", None, ["Queued", "In Progress", "Available"])
    sim.script("talkdesk", None, ["created", "processing", "done"])
    for words in (
        ("main", "EntityBalanceReport"),
        ("billing", "AccountTransaction"),
        ("admissions", "86446"),
        ("calls", "calls", "--from", "2026-10-01", "--to", "2026-10-31", "--format", "csv"),
    ):
        ran = await shell("submit", *words)
        assert ran.code == 0, ran.err
    ran = await shell("watch", "--until", "settled", "--timeout", "60", "--download", "--json")
    assert ran.code == 0, ran.err + ran.out
    rows = (await shell("jobs", "--json")).rows
    assert {row["state"] for row in rows} == {"ready"}
    for row in rows:
        artifact = row["artifact"]
        assert artifact["state"] == "saved", row
        path = Path(artifact["path"])
        assert path.is_absolute()
        assert path.stat().st_size == artifact["bytes"] == artifact["total"]
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert len(artifact["sha256"]) == 64
    assert not [path for path in shell.reports.iterdir() if path.name.endswith(".part")]


async def test_watch_prints_one_json_line_a_change(shell: Shell, sim: Simulator) -> None:
    sim.script("7g", None, ["pending", "incomplete", "complete"])
    job_id = (await shell("submit", "main", "TransactionSummary")).lines[0]
    ran = await shell("watch", "--until", "settled", "--timeout", "60", "--json")
    assert ran.code == 0
    states = [row["state"] for row in ran.rows]
    assert [row["id"] for row in ran.rows] == [job_id] * len(states)
    assert states[-1] == "ready"
    assert states == sorted(states, key=["queued", "running", "ready"].index)


async def test_watch_says_1_when_a_job_failed_and_shows_the_vendors_words(
    shell: Shell, sim: Simulator
) -> None:
    from reportdash.simulator.world import Stage

    sim.script("sigma", None, ["", Stage("FAILED", "Invalid object name 'dbo.Accounts'.", "208")])
    await shell("submit", "billing", "AccountTransaction")
    ran = await shell("watch", "--until", "settled", "--timeout", "60")
    assert ran.code == 1, ran.err
    row = (await shell("jobs", "--json")).row
    assert row["state"] == "failed"
    assert row["vendor_status"] == "FAILED"
    assert "dbo.Accounts" in row["message"]


async def test_watch_times_out_with_4_and_says_what_is_left(shell: Shell, sim: Simulator) -> None:
    sim.script("7g", None, ["incomplete"])
    await shell("submit", "main", "TransactionSummary")
    ran = await shell("watch", "--until", "settled", "--timeout", "0.54321")
    assert ran.code == 4
    assert "timed out after 0.543 s with 1 of 1 jobs not settled" in ran.err


async def test_a_saved_report_can_be_deleted_at_the_vendor_and_stays_on_disk(
    shell: Shell, sim: Simulator
) -> None:
    sim.script("7g", None, ["complete"])
    job_id = (await shell("submit", "main", "TransactionSummary")).lines[0]
    assert (await shell("watch", "--until", "settled", "--timeout", "60")).code == 0
    refused = await shell("delete", job_id, "--yes")
    assert refused.code == 5
    assert "--unsaved" in refused.err or "download" in refused.err
    saved = await shell("download", job_id)
    assert saved.code == 0, saved.err
    path = Path(saved.lines[0])
    assert json.loads(path.read_text("utf-8"))
    again = await shell("download", job_id)
    assert (again.code, again.lines) == (0, [str(path)])
    unasked = await shell("delete", job_id)
    assert unasked.code == 2
    deleted = await shell("delete", job_id, "--yes")
    assert deleted.code == 0, deleted.err
    row = (await shell("jobs", "--json")).row
    assert row["state"] == "deleted"
    assert row["artifact"]["state"] == "saved"
    assert path.exists()
    assert [request.method for request in sim.calls("7g", "DELETE")] == ["DELETE"]


async def test_a_file_that_vanished_is_fetched_again(shell: Shell, sim: Simulator) -> None:
    sim.script("7g", None, ["complete"])
    job_id = (await shell("submit", "main", "TransactionSummary")).lines[0]
    await shell("watch", "--until", "settled", "--timeout", "60")
    path = Path((await shell("download", job_id)).lines[0])
    path.unlink()
    assert (await shell("delete", job_id, "--yes")).code == 5
    again = await shell("download", job_id)
    assert again.code == 0
    assert Path(again.lines[0]).exists()


async def test_delete_where_the_vendor_has_none_is_refused_with_the_reason(
    shell: Shell, sim: Simulator
) -> None:
    sim.add("webadmit", "86446/7001", "admissions", stage="ready")
    job_id = (await shell("track", "admissions", "86446/7001")).lines[0]
    ran = await shell("delete", job_id, "--yes", "--unsaved")
    assert ran.code == 5
    assert "WebAdMIT" in ran.err


async def test_track_sends_nothing_and_a_known_reference_prints_its_id(shell: Shell, sim: Simulator) -> None:
    first = await shell("track", "main", GUID, "--name", "Kept from Friday")
    assert first.code == 0, first.err
    again = await shell("track", "main", GUID.upper())
    assert again.lines == first.lines
    assert not sim.requests
    row = (await shell("jobs", "--json")).row
    assert row["name"] == "Kept from Friday"
    assert row["reference"] == GUID


async def test_track_all_adopts_what_the_vendor_lists(shell: Shell, sim: Simulator) -> None:
    sim.add("webadmit", "86446/7001", "admissions", stage="ready")
    sim.add("webadmit", "86447/7002", "admissions", stage="running")
    ran = await shell("track", "admissions", "--all")
    assert ran.code == 0, ran.err
    assert len(ran.lines) == 2
    assert {row["reference"] for row in (await shell("jobs", "--json")).rows} == {"86446/7001", "86447/7002"}
    again = await shell("track", "admissions", "--all")
    assert (again.code, again.lines) == (0, [])
    no_list = await shell("track", "main", "--all")
    assert no_list.code == 5
    assert "7G" in no_list.err


async def test_forget_takes_a_row_out_and_an_unsaved_one_only_when_told(shell: Shell, sim: Simulator) -> None:
    sim.script("7g", None, ["complete"])
    job_id = (await shell("submit", "main", "TransactionSummary")).lines[0]
    await shell("watch", "--until", "settled", "--timeout", "60")
    assert (await shell("forget", job_id)).code == 5
    assert (await shell("forget", job_id, "--unsaved")).code == 0
    assert (await shell("jobs", "--json")).rows == []
    assert not sim.calls("7g", "DELETE")


async def test_submit_again_sends_the_same_report_with_corrected_parameters(
    shell: Shell, sim: Simulator
) -> None:
    first = (
        await shell("submit", "main", "TransactionSummary", "-p", "ProductID=1", "-p", "ToDate=2026-10-31")
    ).lines
    again = await shell("submit", "--again", first[0], "-p", "ProductID=2")
    assert again.code == 0, again.err
    assert again.lines != first
    bodies = [json.loads(request.body) for request in sim.calls("7g", "POST", "/Report")]
    assert bodies[1]["reportName"] == "TransactionSummary"
    assert bodies[1]["parameters"] == {"ProductID": "2", "ToDate": "2026-10-31"}


async def test_an_eleventh_submit_waits_in_the_ledger_and_a_later_watch_sends_it(
    shell: Shell, sim: Simulator
) -> None:
    shell.write(toml(sim.accounts(), main={"max_inflight": 2}))
    for _ in range(2):
        sim.script("7g", None, ["incomplete", "incomplete", "complete"])
        assert (await shell("submit", "main", "TransactionSummary")).code == 0
    waiting = await shell("submit", "main", "TransactionSummary")
    assert waiting.code == 0, waiting.err
    row = next(r for r in (await shell("jobs", "--json")).rows if r["id"] == waiting.lines[0])
    assert row["state"] == "submitting"
    assert row["message"].startswith("waits for a slot")
    sim.script("7g", None, ["complete"])
    ran = await shell("watch", "--until", "settled", "--timeout", "60")
    assert ran.code == 0, ran.err
    assert {row["state"] for row in (await shell("jobs", "--json")).rows} == {"ready"}


async def test_a_refused_submit_is_failed_in_the_vendors_words_and_exits_1(
    shell: Shell, sim: Simulator
) -> None:
    from reportdash.simulator.wire import Reply

    body = {"result": False, "message": "Parameter 'ToDate' is wrong.", "data": {}}
    sim.inject("7g", Reply(200, json.dumps(body).encode(), JSON_TYPE), method="POST", path="/Report")
    ran = await shell("submit", "main", "TransactionSummary")
    assert ran.code == 1
    row = (await shell("jobs", "--json")).row
    assert row["id"] == ran.lines[0]
    assert row["state"] == "failed"
    assert "Parameter 'ToDate' is wrong." in row["message"]


async def test_a_webadmit_submit_that_returns_the_running_job_folds_into_its_row(
    shell: Shell, sim: Simulator
) -> None:
    first = await shell("submit", "admissions", "86446")
    second = await shell("submit", "admissions", "86446")
    assert first.lines == second.lines
    assert len((await shell("jobs", "--json")).rows) == 1


async def test_wait_follows_the_submitted_job_to_its_end(shell: Shell, sim: Simulator) -> None:
    sim.script("talkdesk", None, ["created", "processing", "failed"])
    ran = await shell("submit", "calls", "calls", "--from", "2026-10-01", "--to", "2026-10-08", "--wait")
    assert ran.code == 1, ran.err
    assert (await shell("jobs", "--json")).row["state"] == "failed"


async def test_a_group_is_a_parent_with_children_that_are_saved_together(
    shell: Shell, sim: Simulator
) -> None:
    reference = f"group:{uuid.uuid4()}"
    children = [{"name": "AgedDebtors", "stage": "ready"}, {"name": "Intercompany", "stage": "empty"}]
    sim.add("sigma", reference, "billing", name="MonthEndPack", stage="ready", children=children)
    parent = (await shell("track", "billing", reference)).lines[0]
    assert (await shell("watch", "--until", "settled", "--timeout", "60")).code == 0
    rows = (await shell("jobs", "--json")).rows
    kids = [row for row in rows if row["parent"] == parent]
    assert [row["reference"] for row in kids] == [f"{reference}#1", f"{reference}#2"]
    assert [row["state"] for row in kids] == ["ready", "empty"]
    assert all(row["next_poll_at"] is None for row in kids)
    saved = await shell("download", parent)
    assert saved.code == 0, saved.err
    kid = next(row for row in (await shell("jobs", "--json")).rows if row["id"] == kids[0]["id"])
    assert kid["artifact"]["state"] == "saved"
    assert (await shell("delete", kids[0]["id"], "--yes")).code == 5


async def test_download_all_ready_takes_what_can_be_taken_and_names_the_rest(
    shell: Shell, sim: Simulator
) -> None:
    accounts = sim.accounts()
    accounts["billing"]["settings"].pop("published")
    shell.write(toml(accounts))
    sim.script("7g", None, ["complete"])
    sim.script("sigma", None, ["PUBLISHED"])
    await shell("submit", "main", "TransactionSummary")
    await shell("submit", "billing", "CashPosition")
    await shell("watch", "--until", "settled", "--timeout", "60")
    ran = await shell("download", "--all-ready", "--to", str(shell.folder / "elsewhere"))
    assert ran.code == 0, ran.err
    (path,) = ran.lines
    assert Path(path).parent == shell.folder / "elsewhere"
    assert "published" in ran.err


async def test_read_only_blocks_what_changes_the_vendor_or_the_table(shell: Shell, sim: Simulator) -> None:
    job_id = (await shell("track", "main", GUID)).lines[0]
    for words in (
        ("submit", "main", "TransactionSummary"),
        ("delete", job_id, "--yes", "--unsaved"),
        ("forget", job_id),
        ("track", "admissions", "--all"),
    ):
        ran = await shell("--read-only", *words)
        assert ran.code == 5, (words, ran.err)
    assert not sim.requests
