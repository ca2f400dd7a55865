"""The Storage queue trigger: polling, dequeue counts, visibility and poison queues."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from http import HTTPStatus
from typing import TYPE_CHECKING

from azure.core.exceptions import AzureError, HttpResponseError, ResourceNotFoundError

from local.host.backoff import Backoff
from local.host.messages import NotBase64Error, decode, deliver

if TYPE_CHECKING:
    from azure.storage.queue import QueueMessage, QueueServiceClient

    from local.host.host_json import QueueOptions
    from local.host.invocations import Invocations
    from local.host.storage import Storage
    from local.host.triggers import Function, QueueTrigger

log = logging.getLogger("host.queues")

RECEIVE_VISIBILITY = 600
_SHORTEST_POLL = 0.1
_POISON = "-poison"
_LONGEST_NAME = 63


class QueueListener:
    """Receives one function's messages and settles each by what the function did."""

    def __init__(  # noqa: PLR0913 -- what a listener is made of
        self,
        function: Function,
        trigger: QueueTrigger,
        *,
        options: QueueOptions,
        invocations: Invocations,
        service: QueueServiceClient,
        storage: Storage,
        renew_after: float = RECEIVE_VISIBILITY / 2,
        poison: str | None = None,
    ) -> None:
        self._function = function
        self._binary = trigger.binary
        self._options = options
        self._invocations = invocations
        self._storage = storage
        self._renew_after = renew_after
        self._queue = service.get_queue_client(trigger.queue)
        poison = poison or poison_name(trigger.queue)
        self._poison = service.get_queue_client(poison) if poison else None
        self._processing: set[asyncio.Task[None]] = set()
        self._failing = False

    async def run(self) -> None:
        """Poll until cancelled; messages being processed go on after that."""
        backoff = Backoff(_SHORTEST_POLL, self._options.max_polling_interval, _SHORTEST_POLL)
        found_since_delay = False
        while True:
            receiving = asyncio.create_task(self._receive())
            try:
                messages = await asyncio.shield(receiving)
            except asyncio.CancelledError:
                # The service has hidden what it hands out now for ten minutes: run it as well.
                self._start(await receiving)
                raise
            self._start(messages)
            if messages:
                found_since_delay = True
                await self._room_for_more()
                continue
            delay = backoff.succeeded() if found_since_delay else backoff.failed()
            found_since_delay = False
            await self._pause(delay)

    async def _pause(self, seconds: float) -> None:
        """Wait before the next poll."""
        await asyncio.sleep(seconds)

    def _start(self, messages: list[QueueMessage]) -> None:
        for message in messages:
            task = asyncio.create_task(self._process(message))
            self._processing.add(task)
            task.add_done_callback(self._processing.discard)

    async def finish(self) -> None:
        """Wait for the messages being processed."""
        if self._processing:
            await asyncio.wait(self._processing)

    async def _room_for_more(self) -> None:
        while len(self._processing) > self._options.new_batch_threshold:
            await asyncio.wait(self._processing, return_when=asyncio.FIRST_COMPLETED)

    async def _receive(self) -> list[QueueMessage]:
        """One batch; empty when there is none, no queue, or the storage does not answer."""
        try:
            messages = await self._storage.call(self._receive_batch)
        except ResourceNotFoundError:
            return []
        except AzureError as error:
            if not self._failing:
                self._failing = True
                name = self._queue.queue_name
                log.warning("queue %s cannot be read: %s", name, _brief(error))
            return []
        self._failing = False
        return messages

    def _receive_batch(self) -> list[QueueMessage]:
        size = self._options.batch_size
        pages = self._queue.receive_messages(
            messages_per_page=size, max_messages=size, visibility_timeout=RECEIVE_VISIBILITY
        )
        return list(pages)

    async def _process(self, message: QueueMessage) -> None:
        try:
            await self._handle(message)
        except AzureError as error:
            # The message stays hidden until its lease ends and is then delivered again.
            name = self._function.name
            log.warning("%s: message %s not settled: %s", name, message.id, _brief(error))

    async def _handle(self, message: QueueMessage) -> None:
        count = message.dequeue_count or 0
        if count > self._options.max_dequeue_count and self._poison is not None:
            await self._move_to_poison(message)
            return
        try:
            body = decode(message.content, base64_encoded=self._options.base64)
        except NotBase64Error:
            name = self._function.name
            log.error("%s: message %s is not base64; moved to poison unrun", name, message.id)  # noqa: TRY400
            await self._move_to_poison(message)
            return
        if await self._succeeds(message, body):
            await self._delete(message)
        elif count >= self._options.max_dequeue_count:
            await self._move_to_poison(message)
        else:
            await self._release(message)

    async def _succeeds(self, message: QueueMessage, body: bytes) -> bool:
        """Run the function while the message's lease is renewed."""
        renewing = asyncio.create_task(self._renew(message))
        try:
            return await self._run(message, body)
        finally:
            renewing.cancel()
            # A renewal under way must end first: it changes the pop receipt.
            with contextlib.suppress(asyncio.CancelledError):
                await renewing

    async def _run(self, message: QueueMessage, body: bytes) -> bool:
        """Run the function for a message, and tell whether it succeeded."""
        try:
            delivery = deliver(message, body, binary=self._binary)
        except UnicodeDecodeError:
            log.error("%s: message %s is not UTF-8 text", self._function.name, message.id)  # noqa: TRY400
            return False
        outcome = await self._invocations.run(
            self._function, delivery.data, metadata=delivery.metadata
        )
        return outcome.ok

    async def _renew(self, message: QueueMessage) -> None:
        """Keep the message hidden; stops when it was deleted or taken by someone else."""
        while True:
            await asyncio.sleep(self._renew_after)
            try:
                await asyncio.shield(
                    asyncio.ensure_future(
                        self._storage.call(self._hide, message, RECEIVE_VISIBILITY)
                    )
                )
            except HttpResponseError as error:
                if _is_taken(error):
                    return
                log.warning("message %s: lease not renewed: %s", message.id, _brief(error))
            except AzureError as error:
                log.warning("message %s: lease not renewed: %s", message.id, _brief(error))

    def _hide(self, message: QueueMessage, seconds: float) -> None:
        updated = self._queue.update_message(
            message.id, pop_receipt=message.pop_receipt, visibility_timeout=round(seconds)
        )
        message.pop_receipt = updated.pop_receipt

    async def _delete(self, message: QueueMessage) -> None:
        try:
            await self._storage.call(
                self._queue.delete_message, message.id, pop_receipt=message.pop_receipt
            )
        except HttpResponseError as error:
            if not _is_taken(error):
                raise

    async def _release(self, message: QueueMessage) -> None:
        """Give the message back for another try after `visibilityTimeout`."""
        try:
            await self._storage.call(self._hide, message, self._options.visibility_timeout)
        except HttpResponseError as error:
            if not _is_taken(error):
                raise

    async def _move_to_poison(self, message: QueueMessage) -> None:
        """Copy to the poison queue, made on demand; without one the lease simply runs out."""
        if self._poison is None:
            return
        log.error(
            "%s: message %s moved to %s after %s deliveries",
            self._function.name,
            message.id,
            self._poison.queue_name,
            message.dequeue_count,
        )
        try:
            await self._storage.call(self._poison.send_message, message.content)
        except ResourceNotFoundError:
            await self._storage.call(self._poison.create_queue)
            await self._storage.call(self._poison.send_message, message.content)
        await self._delete(message)


def poison_name(queue: str) -> str | None:
    """The poison queue of a queue; None for a poison queue itself or when the name is too long."""
    if queue.endswith(_POISON) or len(queue) + len(_POISON) > _LONGEST_NAME:
        return None
    return queue + _POISON


def _is_taken(error: HttpResponseError) -> bool:
    """Whether the message is gone or belongs to another receiver by now."""
    code = getattr(error, "error_code", None)
    return error.status_code == HTTPStatus.NOT_FOUND or code == "PopReceiptMismatch"


def _brief(error: Exception) -> str:
    return str(error).partition("\n")[0]
