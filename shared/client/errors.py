"""What stops a delivery before its first request, each reason with a code of its own."""

from __future__ import annotations

from shared.identity.errors import CredentialMissing
from shared.kernel.errors import Conflict, Denied, Invalid, OpsError, Unavailable


class MappingInvalid(Invalid):
    """The mapping file cannot be used; every problem is listed with its place."""

    code = "client.mapping_invalid"
    title = "The mapping is not valid; nothing was sent"


class SourceUnreadable(Invalid):
    """The source cannot be opened, or breaks off in a way that no next row can mend."""

    code = "client.source_unreadable"
    title = "The source cannot be read"


class GateAddressUnsafe(Invalid):
    """The gate's address is not one that a credential may be sent to."""

    code = "client.gate_address_unsafe"
    title = "The gate is reached over https, or over http on loopback"


class JournalDiffers(Conflict):
    """A delivery that is not finished was of another source, mapping, tenant or gate."""

    code = "client.journal_differs"
    title = "An unfinished delivery of this file was of something else"


class JournalBusy(Conflict):
    """Another process is sending this file."""

    code = "client.journal_busy"
    title = "Another process is sending this file"


class JournalBroken(Conflict):
    """The journal holds a line that this client did not write."""

    code = "client.journal_broken"
    title = "The journal of this delivery cannot be read"


class ReceiptsForeign(Conflict):
    """The receipts file holds what another delivery, or something else, wrote."""

    code = "client.receipts_foreign"
    title = "The receipts file holds something else; nothing of it was changed"


class JournalUnwritable(OpsError):
    """Progress cannot be kept, so nothing more is sent."""

    code = "client.journal_unwritable"
    title = "The journal or the receipts cannot be written"


class SenderUnknown(CredentialMissing):
    """There is no credential of an intake service here, or what there is cannot be one."""

    code = "client.credential_missing"
    title = "A credential of the intake service is required"


class GateUntrusted(Invalid):
    """The certificate that is shown for the gate is not one to trust; no credential was sent."""

    code = "client.gate_untrusted"
    title = "The gate's certificate cannot be verified"


class ProxyUnusable(Invalid):
    """The environment names a proxy that cannot be one."""

    code = "client.proxy_unusable"
    title = "HTTPS_PROXY is no address such as http://proxy.example:3128"


class ProxyRefused(Denied):
    """The proxy does not let this machine through to the gate."""

    code = "client.proxy_refused"
    title = "The proxy refuses the way to the gate"


class GateUnreachable(Unavailable):
    """No answer: the connection failed, broke or took too long."""

    code = "client.gate_unreachable"
    title = "The gate does not answer"
