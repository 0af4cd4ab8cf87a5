"""kill -9 at every step of a save: the file is the old one or the new one, whole; the record says which."""

import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support import forking

from peak_console.config.editing.targets import target_named
from peak_console.config.versions import read_version
from peak_console.config.workspace import Workspace
from peak_console.domain.canonical import sha256_hex
from peak_console.ledger.service.blocking import BlockingLedgerClient
from peak_console.ledger.verifying.verify import verify
from peak_console.node.spawn import begin_ledger, temporary_node
from peak_console.operations.init import init_workspace
from peak_console.operations.workbench.drafts import drafts_of
from peak_console.operations.workbench.history import history
from peak_console.operations.workbench.saving import Stage, save

TARGET = target_named("budgets")
SAVER = Path(__file__).parent / "saving_process.py"


@dataclass
class Desk:
    """A workspace whose node answers at a socket."""

    ws: Workspace
    socket: Path
    folder: Path

    def killed_at(self, stage: Stage, text: str) -> None:
        """Another process saves ``text`` and is killed at a step."""
        file = self.folder / "text"
        file.write_text(text)
        words = [self.ws.root, self.socket, TARGET.name, stage.value, file]
        done = forking.run([SAVER, *words])
        assert done.code == -signal.SIGKILL, done.err.decode()


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """One workspace and one node for all deaths."""
    folder = tmp_path_factory.mktemp("desk")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PEAK_KEYS_DIR", str(folder / "keys"))
        patch.setenv("PEAK_STATE_DIR", str(folder / "state"))
        made = init_workspace(folder / "w", operator="anna")
        begin_ledger(made.ws, operator=made.operator, public_key=made.public_key)
        with temporary_node(made.ws) as socket:
            yield Desk(made.ws, socket, folder)


@pytest.mark.parametrize("stage", list(Stage))
def test_a_save_that_dies_leaves_one_whole_file_its_draft_and_an_honest_record(
    desk: Desk, stage: Stage
) -> None:
    """Before the rename the old file, after it the new one; what was recorded in vain was never in force."""
    path = desk.ws.root / TARGET.path
    before = path.read_text()
    text = before + f"# died when {stage}\n"
    drafts = drafts_of(desk.ws)
    drafts.put(TARGET.name, text, base=sha256_hex(before.encode()), base_text=before)
    desk.killed_at(stage, text)
    placed = stage is Stage.PLACED
    assert path.read_text() == (text if placed else before)
    kept = drafts.get(TARGET.name)
    assert kept is not None
    assert kept.text == text
    digest = sha256_hex(text.encode())
    assert read_version(desk.ws, TARGET.kind, digest) == (".toml", text.encode())
    saved = [one for one in history(desk.ws, TARGET) if one.digest == digest]
    expected = {Stage.RECORDED: ["never_in_force"], Stage.PLACED: ["saved"]}
    assert [one.how for one in saved] == expected.get(stage, [])
    again = text + "# and again\n"
    with BlockingLedgerClient.connect(desk.socket, name="test", deadline_s=30) as client:
        base = sha256_hex(path.read_bytes())
        done = save(desk.ws, client, TARGET, again, base=base, reason="go on")
    assert sha256_hex(path.read_bytes()) == done.new
    assert not list(path.parent.glob(".*.new"))
    assert history(desk.ws, TARGET)[0].digest == done.new
    assert verify(desk.ws.ledger).ok
