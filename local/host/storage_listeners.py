"""Makes the listeners that need Azure Storage; importing this imports the storage SDK."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from local.host.blob_queue import BlobQueue
from local.host.blobs import BlobListener, Watched
from local.host.leases import Lease
from local.host.monitor import Monitor
from local.host.queues import QueueListener
from local.host.storage import Storage
from local.host.timers import TimerListener

if TYPE_CHECKING:
    from collections.abc import Sequence

    from local.host.host_json import BlobOptions, QueueOptions
    from local.host.invocations import Invocations
    from local.host.ncrontab import Schedule
    from local.host.triggers import BlobTrigger, Function, QueueTrigger, TimerTrigger


@dataclass(frozen=True, slots=True)
class StorageListeners:
    """The listeners of one worker share its storage clients and threads."""

    options: QueueOptions
    blob_options: BlobOptions
    invocations: Invocations
    host_id: str
    holder: str
    storage: Storage = field(default_factory=Storage)

    def queue(self, function: Function, trigger: QueueTrigger, connection: str) -> QueueListener:
        return QueueListener(
            function,
            trigger,
            options=self.options,
            invocations=self.invocations,
            service=self.storage.queues(connection),
            storage=self.storage,
        )

    def blobs(
        self, functions: Sequence[tuple[Function, BlobTrigger, str]], hosts: str
    ) -> BlobListener:
        """One listener for all blob functions; `hosts` is the host's own storage."""
        queue = BlobQueue(
            self.host_id,
            options=self.blob_options,
            invocations=self.invocations,
            service=self.storage.queues(hosts),
            storage=self.storage,
        )
        watched = [
            Watched(function, trigger, self.storage.blobs(connection))
            for function, trigger, connection in functions
        ]
        for one in watched:
            queue.watch(one)
        return BlobListener(
            watched,
            storage=self.storage,
            hosts=self.storage.blobs(hosts),
            queue=queue,
            host_id=self.host_id,
        )

    def timer(
        self, function: Function, trigger: TimerTrigger, schedule: Schedule, connection: str
    ) -> TimerListener:
        blobs = self.storage.blobs(connection)
        name = f"Host.Functions.{function.name}"
        lock = f"locks/{self.host_id}/{name}.Listener"
        return TimerListener(
            function,
            trigger,
            schedule,
            invocations=self.invocations,
            storage=self.storage,
            lease=Lease(blobs, self.storage, lock, self.holder),
            monitor=Monitor(blobs, f"timers/{self.host_id}/{name}/status"),
        )
