"""The part of a drill on this workspace: its folder, node, lease and workers; nothing is stopped by it."""

import asyncio

import pytest
from node_world import World, node_here

from peak_console.cli.program import run
from peak_console.control.lowered import Lowered, is_drill, marked_scope, narrow_scope
from peak_console.domain.errors import PeakError
from peak_console.domain.incidents import DrillKind
from peak_console.llm.heeding import Heeding
from peak_console.llm.opening import open_client
from peak_console.operations import drill_here as drills
from peak_console.operations.drill_here import FOLDER, LIFTED, NODE, NOT_TRIED, SHOWN, WORKERS, drill_here
from peak_console.operations.drills import DrillReport, DrillStep


def test_without_a_node_it_is_not_tried_and_does_not_hold(world: World) -> None:
    """The folder is looked at all the same, and nothing of it is left there."""
    before = sorted(world.ws.control.iterdir())
    folder, node = drill_here(world.ws, by="anna")
    assert (folder.step, folder.ok) == (FOLDER, True)
    assert (node.step, node.ok) == (NODE, False)
    assert node.detail.startswith(NOT_TRIED)
    assert sorted(world.ws.control.iterdir()) == before
    world.ws.control.rename(world.ws.control.with_name("away"))
    (broken,) = drill_here(world.ws, by="anna")
    assert (broken.step, broken.ok) == (FOLDER, False)


def test_a_stop_drill_holds_only_where_it_was_tried_here(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The mirror's steps all held and no node ran here: exit 1, and on record as not held."""
    mirrored = DrillReport(DrillKind.STOP, (DrillStep("stop", 1, ok=True),), ended=True)
    assert mirrored.held
    monkeypatch.setattr("peak_console.operations.drills.run_drill", lambda *_, **__: mirrored)
    code = run(["--root", str(world.ws.root), "incident", "drill", "stop", "--operator", "anna"])
    assert code == 1
    assert NOT_TRIED in capsys.readouterr().out
    (recorded,) = [one.body or {} for one in world.events() if one.kind == "drill.finished"]
    assert (recorded["drill"], recorded["held"]) == ("stop", False)
    assert [one["step"] for one in recorded["steps"]] == ["stop", FOLDER, NODE]


def test_a_drills_scope_is_kept_and_covers_nothing() -> None:
    """It is no part of the workspace: whoever asks to stop it by a stop's command stops everything."""
    assert narrow_scope("drill:x") is None
    found = marked_scope("drill:x")
    assert found is not None
    assert not found.covers(layer="x", provider="x", model_id="x", run_id="x", venue="x")
    assert marked_scope("drill:") is None
    assert marked_scope(7) is None
    assert is_drill("drill:x")
    assert not is_drill("run:drill:x")
    body = {"scope": "drill:x", "stop_id": "s"}
    assert list(Lowered().after("control.stopped", "ev", body, "", 0).scopes) == ["drill:x"]


async def test_it_goes_the_whole_way_here_and_nothing_is_stopped(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Recorded, shown, acknowledged and lifted at once; a silent worker or a ledger that fails is told."""
    world.set_control(cooldown_s=300)
    async with node_here(world) as node:
        world.set_control(cooldown_s=0)
        await asyncio.to_thread(world.enable, node.socket_path)
        world.set_control(cooldown_s=300)
        async with open_client(world.ws, name="job"):
            steps = await asyncio.to_thread(drill_here, world.ws, by="anna")
            assert [one.step for one in steps] == [FOLDER, NODE, SHOWN, WORKERS, LIFTED]
            assert all(one.ok for one in steps), steps
            assert steps[3].detail == "1 acknowledged, 0 calls cancelled"
            assert world.calls()
            assert node.state.stopped_scopes == ()
            kinds = [one.kind for one in world.events() if "drill:" in str((one.body or {}).get("scope"))]
            assert kinds[0] == "control.stopped"
            assert "control.enabled" in kinds
        monkeypatch.setattr(drills, "_ACK_S", 0.1)
        monkeypatch.setattr(Heeding, "heard", lambda *_: None)
        async with open_client(world.ws, name="silent"):
            steps = await asyncio.to_thread(drill_here, world.ws, by="anna")
            assert [one.step for one in steps if not one.ok] == [WORKERS]
            assert node.state.stopped_scopes == ()

        async def broken(*_: object) -> list[object]:
            raise PeakError("the disk is full")

        monkeypatch.setattr(node.lowering, "_append", broken)
        steps = await asyncio.to_thread(drill_here, world.ws, by="anna")
        assert [(one.step, one.ok) for one in steps[1:]] == [(NODE, False), (LIFTED, True)]
        assert world.calls()
        assert node.state.stopped_scopes == ()
        assert not (world.ws.control / "STOP").exists()
