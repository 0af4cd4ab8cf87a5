"""The node keeps every version of the configs in force."""

from node_world import World, node_here, soon

from peak_console.config.versions import find_version
from peak_console.domain.canonical import sha256_hex
from peak_console.domain.events import EventKind
from peak_console.node.status import report


async def test_every_digest_that_the_ledger_names_has_a_copy(world: World) -> None:
    """At the node's start and after a change: what node.started and config.changed name can be read again."""
    async with node_here(world) as node:
        first = dict(node.state.digests)
        await soon(lambda: all(find_version(world.ws, *one) for one in first.items()), "first copies")
        world.ws.prices.write_text(world.ws.prices.read_text() + "\n# dearer\n")
        second = sha256_hex(world.ws.prices.read_bytes())
        await soon(lambda: find_version(world.ws, "prices", second), "the copy of the change")
        await soon(lambda: EventKind.CONFIG_CHANGED in world.kinds(), "the record of the change")
        assert node.watch.versions.problem == ""
    assert find_version(world.ws, "prices", first["prices"])


async def test_a_folder_that_takes_no_copies_stops_nothing(world: World) -> None:
    """The node serves on, and its status says what could not be kept."""
    world.ws.versions.write_text("in the way")
    async with node_here(world) as node:
        await soon(lambda: node.watch.versions.problem, "the words of what failed")
        assert "matrix" in node.watch.versions.problem
        assert report(node)["configs"]["unkept"] == node.watch.versions.problem
