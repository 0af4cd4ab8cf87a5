"""The control folder on a real file system: whole files or none, and who may write."""

import os
import stat
import uuid
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peak_console.control.boot import boot_id
from peak_console.control.files import SIZE_LIMIT, decode, encode, text_field
from peak_console.control.filesystem import (
    file_system_type,
    parse_mountinfo,
    refuse_network,
    type_of,
)
from peak_console.control.folder import RealFolder, exists, prepare
from peak_console.control.sockets import (
    PATH_LIMIT,
    check_socket,
    find_socket,
    prepare_socket,
    private_folder,
    socket_path,
)
from peak_console.domain.errors import EnvironmentUnfit


def test_create_is_exclusive_and_whole(tmp_path: Path) -> None:
    """The second one is told; the first's content stands; no private file is left."""
    folder = RealFolder(tmp_path)
    folder.create("ENABLING", b"first")
    with pytest.raises(FileExistsError):
        folder.create("ENABLING", b"second")
    assert folder.read("ENABLING") == b"first"
    assert [one.name for one in tmp_path.iterdir()] == ["ENABLING"]


def test_replace_unlink_rename_read(tmp_path: Path) -> None:
    """The other operations say what they did."""
    folder = RealFolder(tmp_path)
    folder.replace("STOP", b"1")
    folder.replace("STOP", b"2")
    assert folder.read("STOP") == b"2"
    folder.rename("STOP", "ENABLED")
    assert folder.read("STOP") is None
    with pytest.raises(FileNotFoundError):
        folder.rename("STOP", "ENABLED")
    assert folder.unlink("ENABLED")
    assert not folder.unlink("ENABLED")
    folder.sync()


def test_a_large_file_is_read_to_its_limit_only(tmp_path: Path) -> None:
    """No file here makes a client read much."""
    (tmp_path / "STOP").write_bytes(b"x" * 1_000_000)
    data = RealFolder(tmp_path).read("STOP")
    assert data is not None
    assert len(data) == SIZE_LIMIT + 1
    assert decode(data) is None


def test_whatever_has_the_name_exists(tmp_path: Path) -> None:
    """Dangling links and folders too; a path through a file does not."""
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    assert exists(str(tmp_path / "link"))
    assert exists(str(tmp_path))
    assert not exists(str(tmp_path / "none"))
    assert not exists(str(tmp_path / "file" / "inner"))


def test_the_folder_belongs_to_the_group_and_nobody_else(tmp_path: Path) -> None:
    """setgid, 2770, group of the workspace; made again it stays so."""
    path = tmp_path / "audits" / "control"
    for _ in range(2):
        prepare(path, group_of=tmp_path)
        found = path.stat()
        assert stat.S_IMODE(found.st_mode) == 0o2770
        assert found.st_gid == tmp_path.stat().st_gid
        path.chmod(0o755)
    RealFolder(path).replace("STOP", b"{}")
    assert stat.S_IMODE((path / "STOP").stat().st_mode) == 0o660


@settings(deadline=None)  # the machine of a test run is shared
@given(st.binary(max_size=200))
def test_bytes_that_are_no_object_have_no_fields(data: bytes) -> None:
    """Reading never raises."""
    assert text_field(data, "event_id") is None or decode(data) is not None


def test_fields_survive() -> None:
    """One line of JSON, sorted."""
    assert encode({"b": 1, "a": "x"}) == b'{"a":"x","b":1}\n'
    assert decode(encode({"a": "x"})) == {"a": "x"}
    assert decode(b"[" * 5000) is None


def test_the_boot_id_is_the_kernels() -> None:
    """A UUID, the same each time."""
    assert str(uuid.UUID(boot_id())) == boot_id()


MOUNTS = """\
21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 21 0:30 / /home rw - nfs4 server:/home rw
31 30 0:31 / /home/local\\040disk rw - xfs /dev/sdb1 rw
40 21 0:40 / /mnt/c rw - 9p drvfs rw,aname=drvfs;path=C:
41 21 0:41 / /mnt/d rw - 9p host rw
broken line
"""


def test_the_longest_mount_point_decides() -> None:
    """A local disk within a network one is local, and the other way round."""
    mounts = parse_mountinfo(MOUNTS)
    assert type_of(Path("/srv/desk"), mounts) == "ext4"
    assert type_of(Path("/home/anna/desk"), mounts) == "nfs4"
    assert type_of(Path("/home/local disk/desk"), mounts) == "xfs"
    assert type_of(Path("/mnt/c/desk"), mounts) == "cifs"
    assert type_of(Path("/mnt/d/desk"), mounts) == "9p"


def test_a_network_file_system_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a remedy; this machine's temporary folder is not one."""
    refuse_network(tmp_path)
    assert file_system_type(tmp_path)
    monkeypatch.setattr("peak_console.control.filesystem.file_system_type", lambda _: "nfs4")
    with pytest.raises(EnvironmentUnfit) as caught:
        refuse_network(tmp_path)
    assert caught.value.code == "network_file_system"


def test_a_long_path_has_its_socket_in_a_private_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over 100 bytes the socket lies in a folder of this user's; two workspaces have two."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    near, far = tmp_path / "c", tmp_path / ("x" * PATH_LIMIT)
    assert len(os.fsencode(socket_path(Path("/c"), "node.sock"))) <= PATH_LIMIT
    assert socket_path(Path("/c"), "node.sock") == Path("/c/node.sock")
    path = socket_path(far, "node.sock")
    assert path.parent == private_folder()
    assert path != socket_path(tmp_path / ("y" * PATH_LIMIT), "node.sock")
    assert find_socket(far) == path
    prepare_socket(path)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    check_socket(path)
    del near


def test_a_private_folder_that_others_may_write_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else may have made it first."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    path = socket_path(tmp_path / ("x" * PATH_LIMIT), "node.sock")
    path.parent.mkdir(mode=0o777)
    path.parent.chmod(0o777)
    for refused in (check_socket, prepare_socket):
        with pytest.raises(EnvironmentUnfit) as caught:
            refused(path)
        assert caught.value.code == "socket_folder_unsafe"


def test_node_json_says_where_the_socket_lies(tmp_path: Path) -> None:
    """What the node wrote is believed before the rule."""
    (tmp_path / "node.json").write_bytes(encode({"socket": "/run/peak/node.sock"}))
    assert find_socket(tmp_path) == Path("/run/peak/node.sock")
