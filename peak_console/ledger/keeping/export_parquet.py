"""Exports as Parquet: the header in typed columns, the body as JSON text, the head in the file's metadata."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final

from peak_console.domain.clock import from_iso, iso
from peak_console.domain.errors import EnvironmentUnfit, LedgerBroken
from peak_console.ledger.keeping.export_form import (
    LINE_LIMIT,
    METADATA,
    ExportedEvent,
    ExportHead,
    ExportMalformed,
    hex_path,
)

MAGIC: Final = b"PAR1"
"""What a Parquet file begins and ends with."""

GROUP_EVENTS: Final = 2000
GROUP_BYTES: Final = 16 * 1024 * 1024
"""A group of rows ends at so many events or bytes of bodies, whichever comes first."""

_GROUP_LIMIT: Final = 8 * GROUP_BYTES
_READ_EVENTS: Final = 200
_TEXTS: Final = ("event_id", "kind", "actor")
_MAYBE: Final = ("run_id", "call_id", "layer", "role", "provider", "model_id")
_HASHES: Final = ("body_sha256", "prev_hash", "hash")


def require_pyarrow() -> None:
    """Raise ``EnvironmentUnfit`` where the library is not installed."""
    try:
        import pyarrow.parquet  # noqa: F401, PLC0415 - an extra
    except ImportError as error:
        raise EnvironmentUnfit(
            "Parquet needs the library pyarrow, which is not installed",
            code="parquet_missing",
            remedy='install the extra: pip install "peak-console[parquet]", or take --format jsonl',
        ) from error


def write_parquet(path: Path, head: ExportHead, events: Iterator[ExportedEvent]) -> None:
    """Write an export, a group of rows at a time; raises ``OSError`` where the disk does not take it."""
    import pyarrow as pa  # noqa: PLC0415 - an extra
    import pyarrow.parquet as pq  # noqa: PLC0415 - the same

    schema = _schema(pa).with_metadata({METADATA: head.to_bytes()})
    with pq.ParquetWriter(path, schema, compression="zstd", write_statistics=True) as writer:
        while group := _group(events):
            writer.write_table(pa.Table.from_pylist([_row(one) for one in group], schema=schema))


def read_head(path: Path) -> ExportHead:
    """The head in a file's metadata; raises :class:`ExportMalformed`."""
    import pyarrow as pa  # noqa: PLC0415 - an extra
    import pyarrow.parquet as pq  # noqa: PLC0415 - the same

    try:
        schema = pq.read_schema(path, memory_map=False)
        metadata = pq.read_metadata(path)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise ExportMalformed(f"it is no Parquet file: {error}") from None
    if not _schema(pa).equals(schema, check_metadata=False):
        raise ExportMalformed("its columns are not those of an export")
    for group in range(metadata.num_row_groups):
        if metadata.row_group(group).total_byte_size > _GROUP_LIMIT:
            raise ExportMalformed(f"its group {group + 1} has more than {_GROUP_LIMIT} bytes")
    data = (schema.metadata or {}).get(METADATA, b"")
    if not 0 < len(data) <= LINE_LIMIT:
        raise ExportMalformed("its metadata has no head")
    head = ExportHead.of_bytes(data)
    if metadata.num_rows != head.events:
        raise ExportMalformed(f"it has {metadata.num_rows} rows; its head says {head.events}")
    return head


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The events' fields, in the form that a line of JSON has them; raises :class:`ExportMalformed`."""
    import orjson  # noqa: PLC0415 - beside the extra
    import pyarrow as pa  # noqa: PLC0415 - an extra
    import pyarrow.parquet as pq  # noqa: PLC0415 - the same

    try:
        with pq.ParquetFile(path, memory_map=False) as file:
            for batch in file.iter_batches(batch_size=_READ_EVENTS):
                for row in batch.to_pylist():
                    body = row["body"]
                    if body is not None and len(body) > LINE_LIMIT:
                        raise ExportMalformed("its body is too long")
                    row["body"] = None if body is None else orjson.loads(body)
                    row["ts"] = "" if row["ts"] is None else iso(row["ts"])
                    row["path"] = row["path"] or []
                    yield {name: value for name, value in row.items() if value is not None or name == "body"}
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        if isinstance(error, ExportMalformed):
            raise
        raise ExportMalformed(f"it cannot be read: {error}") from None


def _schema(pa: Any) -> Any:
    fields = [
        pa.field("seq", pa.int64(), nullable=False),
        pa.field("ts", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("boot_us", pa.int64(), nullable=False),
        *(pa.field(name, pa.string(), nullable=False) for name in _TEXTS),
        *(pa.field(name, pa.string()) for name in _MAYBE),
        *(pa.field(name, pa.string(), nullable=False) for name in _HASHES),
        pa.field("body", pa.large_string()),
        pa.field("path", pa.list_(pa.string())),
    ]
    return pa.schema(fields)


def _group(events: Iterator[ExportedEvent]) -> list[ExportedEvent]:
    found: list[ExportedEvent] = []
    size = 0
    for one in islice(events, GROUP_EVENTS):
        found.append(one)
        size += len(one.body or b"")
        if size >= GROUP_BYTES:
            break
    return found


def _row(event: ExportedEvent) -> dict[str, Any]:
    header = event.header
    at = from_iso(header.ts)
    if iso(at) != header.ts:
        raise LedgerBroken(
            f"event {header.seq} has no time that a column could hold",
            remedy="take --format jsonl, which keeps texts as they are",
        )
    row = {name: getattr(header, name) for name in ("seq", "boot_us", *_TEXTS, *_MAYBE, *_HASHES)}
    body = None if event.body is None else event.body.decode()
    return {**row, "ts": at, "body": body, "path": hex_path(event.path)}
