"""The record of what was done while no node answered, by whoever may be the node for a moment."""

from dataclasses import replace

from peak_console.config.workspace import Workspace
from peak_console.control.keys import state_folder
from peak_console.control.late_files import left, places, read
from peak_console.domain.errors import PeakError
from peak_console.ledger.service.blocking import BlockingLedgerClient
from peak_console.operations.containing import Contained


def record_contained(ws: Workspace, client: BlockingLedgerClient, done: Contained) -> Contained:
    """Record what was kept of this incident, and let go of the files; raises as the node refuses."""
    recorded = False
    for path in left(places(ws.root, ws.control, state_folder())):
        if not path.name.startswith(f"unrecorded-{done.incident_id}-"):
            continue
        try:
            late = read(path)
        except ValueError:
            continue  # none that was left here; the node sets it aside
        for draft in late.drafts:
            try:
                client.append([draft])
            except PeakError as error:
                if error.code != "event_id_taken":
                    raise
        path.unlink(missing_ok=True)
        recorded = True
    return replace(done, recorded=True, why="") if recorded else done
