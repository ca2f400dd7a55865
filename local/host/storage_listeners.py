"""Makes the listeners that need Azure Storage; importing this imports the storage SDK."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from local.host.leases import Lease
from local.host.monitor import Monitor
from local.host.queues import QueueListener
from local.host.storage import Storage
from local.host.timers import TimerListener

if TYPE_CHECKING:
    from local.host.host_json import QueueOptions
    from local.host.invocations import Invocations
    from local.host.ncrontab import Schedule
    from local.host.triggers import Function, QueueTrigger, TimerTrigger


@dataclass(frozen=True, slots=True)
class StorageListeners:
    """The listeners of one worker share its storage clients and threads."""

    options: QueueOptions
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
