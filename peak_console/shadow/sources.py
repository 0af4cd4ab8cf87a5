"""Where market data comes from: a file, an address, or the excerpt that the package ships."""

import asyncio
import os
import stat
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final, Protocol

from peak_console.config.jobs import CycleSettings
from peak_console.config.jobs import HttpSource as HttpSettings
from peak_console.domain.canonical import sha256_hex
from peak_console.domain.queries import query_fault
from peak_console.domain.text import one_line
from peak_console.net.http import HttpTransport
from peak_console.net.messages import Deadlines, HttpRequest, NetError, NetErrorKind, bare_url
from peak_console.shadow.bars import Bar, DataUnusable
from peak_console.shadow.tables import FORMATS, MOST_BYTES, Layout, bars_of, too_large

PACKAGE: Final = "package:"
"""What a path begins with that names data of the package."""
_PACKAGED: Final = {"eurusd_1h": "eurusd_1h.csv"}
_OK: Final = 200
_PASSING: Final = frozenset(
    {
        *(NetErrorKind.CONNECT, NetErrorKind.TIMEOUT_CONNECT, NetErrorKind.TIMEOUT_FIRST_BYTE),
        *(NetErrorKind.TIMEOUT_TOTAL, NetErrorKind.LOST),
    }
)
"""Failures after which trying once more may help."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """All bars of a source, oldest first, and what they were read from."""

    kind: str
    """``file``, ``package`` or ``http``."""
    name: str
    """Path or address, without what could be a secret."""
    sha256: str
    """Of the bytes as read."""
    bars: tuple[Bar, ...]


class BarSource(Protocol):
    """A source of bars."""

    async def load(self) -> Loaded:
        """All its bars; raises :class:`~peak_console.shadow.bars.DataUnusable`.

        ``details["again"]`` is true where trying once more may help.
        """
        ...


def source_of(settings: CycleSettings, root: Path) -> BarSource:
    """The source that a job's settings name; a relative path is below the workspace's ``root``."""
    if settings.http is not None:
        one = settings.http
        layout = _layout(one)
        return HttpSource(one.url, one.format, one.timezone, settings.bar_s, one.timeout_s, layout)
    if settings.file is None:
        raise DataUnusable(
            "no source is named", code="data_no_source", remedy="give the job file = { path = … }"
        )
    path, zone = settings.file.path, settings.file.timezone
    if path.startswith(PACKAGE):
        return PackageSource(path.removeprefix(PACKAGE), zone, settings.bar_s)
    return FileSource(root, path, zone, settings.bar_s)


def _layout(settings: HttpSettings) -> Layout:
    columns = settings.columns.named() if settings.columns is not None else {}
    rows = tuple(settings.rows.split(".")) if settings.rows else ()
    return Layout(rows, columns, settings.newest_first)


@dataclass(frozen=True, slots=True)
class FileSource:
    """A CSV, JSON, JSON Lines or Parquet file below the workspace, by its suffix."""

    root: Path
    name: str
    """Its path, relative to the root."""
    zone: str
    bar_s: int

    async def load(self) -> Loaded:
        """Read and check it, in a thread."""
        return await asyncio.to_thread(self._load)

    def _load(self) -> Loaded:
        form = FORMATS.get(Path(self.name).suffix.casefold())
        if form is None:
            raise DataUnusable(
                f"{one_line(self.name, 80)} has no suffix of a format that is read",
                code="data_format",
                remedy="name it .csv, .json, .jsonl or .parquet",
            )
        data = _read(_inside(self.root, self.name), self.name)
        bars = bars_of(data, form, zone=self.zone, bar_s=self.bar_s)
        return Loaded("file", one_line(self.name), sha256_hex(data), bars)


@dataclass(frozen=True, slots=True)
class PackageSource:
    """Bars that the package ships, for demonstration."""

    excerpt: str
    zone: str
    bar_s: int

    async def load(self) -> Loaded:
        """Read them from the package."""
        name = _PACKAGED.get(self.excerpt)
        if name is None:
            raise DataUnusable(
                f"the package holds no bars {one_line(self.excerpt, 60)}",
                code="data_missing",
                remedy=f"take one of: {', '.join(PACKAGE + one for one in _PACKAGED)}",
            )
        data = files("peak_console").joinpath("demo", "data", name).read_bytes()
        bars = bars_of(data, "csv", zone=self.zone, bar_s=self.bar_s)
        return Loaded("package", f"{PACKAGE}{self.excerpt}", sha256_hex(data), bars)


@dataclass(frozen=True, slots=True)
class HttpSource:
    """An address that answers with bars. Never follows a redirect; subject to the hard deny.

    Its query is sent and never told: errors, events, pages and models have the address without it.
    """

    url: str
    form: str
    zone: str
    bar_s: int
    timeout_s: float
    layout: Layout

    async def load(self) -> Loaded:
        """Ask once and check the answer."""
        if why := query_fault(self.url):
            raise DataUnusable(
                f"{bare_url(self.url)} is refused: {why}",
                code="source_query",
                remedy="take the key out and revoke it: name an address that needs none, or fetch to a file",
            )
        headers = {"accept": "application/json, text/csv"}
        request = HttpRequest(self.url, b"", headers, method="GET", open_query=True)
        transport = HttpTransport(max_bytes=MOST_BYTES)
        try:
            response = await transport.send(request, deadlines=Deadlines(self.timeout_s))
        except NetError as error:
            raise DataUnusable(
                f"{bare_url(self.url)}: {error.message}",
                code=f"data_{error.code}",
                remedy="check the address and the network",
                again=error.kind in _PASSING,
            ) from error
        finally:
            await transport.aclose()
        if response.status != _OK:
            raise DataUnusable(
                f"{bare_url(self.url)} answered {response.status}",
                code="data_http_status",
                remedy="open the address yourself and see what it says",
                again=response.status >= 500,  # noqa: PLR2004 - a server's errors may pass
            )
        bars = await asyncio.to_thread(self._bars, response.body)
        return Loaded("http", bare_url(self.url), sha256_hex(response.body), bars)

    def _bars(self, data: bytes) -> tuple[Bar, ...]:
        return bars_of(data, self.form, zone=self.zone, bar_s=self.bar_s, layout=self.layout)


def _inside(root: Path, name: str) -> Path:
    """The file itself, no link to it; refuses one outside the workspace, whatever way leads there."""
    shown = one_line(name, 120)
    try:
        path = (root / name).resolve()
        inside = path.is_relative_to(root.resolve())
    except (OSError, ValueError, RuntimeError) as error:
        raise _unopened(shown, error) from error
    if not inside or Path(name).is_absolute() or ".." in Path(name).parts:
        raise DataUnusable(
            f"{shown} leads out of the workspace",
            code="source_outside",
            remedy="copy the data into the workspace, and name them relative to it",
        )
    return path


def _read(path: Path, name: str) -> bytes:
    """The bytes of a regular file, never more than are taken; never waits for a pipe, follows no link."""
    shown = one_line(name, 120)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        raise DataUnusable(
            f"there is no file {shown}", code="data_missing", remedy="put it there, or change the job's path"
        ) from None
    except (OSError, ValueError) as error:
        raise _unopened(shown, error) from error
    told = os.fstat(descriptor)
    if not stat.S_ISREG(told.st_mode):
        os.close(descriptor)
        raise DataUnusable(
            f"{shown} is no regular file", code="data_unreadable", remedy="name a file of bars"
        )
    with os.fdopen(descriptor, "rb") as file:
        try:
            data = file.read(MOST_BYTES + 1)
        except OSError as error:
            raise _unopened(shown, error) from error
    if len(data) > MOST_BYTES:
        raise too_large(told.st_size)
    return data


def _unopened(shown: str, error: Exception) -> DataUnusable:
    said = error.strerror if isinstance(error, OSError) else "not a path"
    return DataUnusable(
        f"{shown} cannot be read: {said}", code="data_unreadable", remedy="check its rights and the disk"
    )
