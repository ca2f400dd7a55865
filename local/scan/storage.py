"""Everything in a storage account: blobs, queue messages, table entities, and their names."""

from __future__ import annotations

import json
from typing import Any

from azure.data.tables import TableServiceClient
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient

from local.scan.report import Report

# What the service shows of a queue without taking messages out of it.
_PEEKED = 32


def scan_storage(report: Report, connection_string: str) -> None:
    """Look at every blob, every queue message and every table entity of an account."""
    for surface in ("blob", "queue message", "table entity"):
        report.looked[surface] += 0
    with BlobServiceClient.from_connection_string(connection_string) as blobs:
        _scan_blobs(report, blobs)
    with QueueServiceClient.from_connection_string(connection_string) as queues:
        _scan_queues(report, queues)
    with TableServiceClient.from_connection_string(connection_string) as tables:
        _scan_tables(report, tables)


def _scan_blobs(report: Report, service: BlobServiceClient) -> None:
    for container in service.list_containers(include_metadata=True):
        client = service.get_container_client(container.name)
        _name(report, "blob", container.name, container.metadata)
        for blob in client.list_blobs(include=["metadata", "tags", "snapshots"]):
            place = f"{container.name}/{blob.name}"
            # A name may hold a value itself; then it is the container's finding, not its name's.
            _name(report, "blob", container.name, [blob.name, blob.metadata, blob.tags])
            one = client.get_blob_client(blob.name, snapshot=blob.snapshot)
            report.look("blob", place, one.download_blob().readall())


def _scan_queues(report: Report, service: QueueServiceClient) -> None:
    for queue in service.list_queues(include_metadata=True):
        client = service.get_queue_client(queue.name)
        _name(report, "queue message", queue.name, queue.metadata)
        messages = client.peek_messages(_PEEKED)
        for message in messages:
            report.look("queue message", queue.name, str(message.content).encode())
        waiting = client.get_queue_properties().approximate_message_count or 0
        if len(messages) == _PEEKED and waiting > _PEEKED:
            report.unread.append(f"queue {queue.name}: {waiting - _PEEKED} messages")


def _scan_tables(report: Report, service: TableServiceClient) -> None:
    for table in service.list_tables():
        _name(report, "table entity", table.name, None)
        for entity in service.get_table_client(table.name).list_entities():
            for value in entity.values():
                if isinstance(value, bytes):
                    report.look("table entity", table.name, value, things=0)
            report.look("table entity", table.name, _text(dict(entity)))


def _name(report: Report, surface: str, place: str, more: Any) -> None:
    report.look(surface, f"{place} (names and metadata)", _text([place, more]), things=0)


def _text(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, default=str).encode()
