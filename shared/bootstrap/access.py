"""Who may do what, under which policy."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from shared.bootstrap.floor import Floor
from shared.kernel.db import Login
from shared.kernel.settings import Credential

if TYPE_CHECKING:
    from shared.approvals.service import Approvals
    from shared.governance.denials import Denials
    from shared.identity.authority import Authority
    from shared.identity.provisioning import Provisioning
    from shared.identity.verification import Verification
    from shared.pii.keyring import Keyring
    from shared.policy.service import Policy


class Access(Floor):
    """Identity, denials, approvals and policy."""

    @cached_property
    def denials(self) -> Denials:
        """Return the tally of refused credentials."""
        from shared.governance.denials import Denials

        return Denials(
            self.database(Login.DATA),
            self.database(Login.CONTROL),
            delay=1.0 if self.ports.background else 0.0,
        )

    @cached_property
    def authority(self) -> Authority:
        """Return the reader of role grants."""
        from shared.identity.authority import Authority

        return Authority(self.database(Login.CONTROL))

    @cached_property
    def verification(self) -> Verification:
        """Return the verifier of credentials."""
        from shared.identity.api_keys import UnsafeStaticKeys
        from shared.identity.verification import Verification

        settings = self.settings
        if settings.credential is Credential.API_KEY:
            return Verification(settings, keys=UnsafeStaticKeys(settings.api_keys))
        from shared.adapters.jwks_http import HttpJwks
        from shared.identity.keysets import KeySets
        from shared.identity.tokens import TokenVerifier

        return Verification(
            settings,
            tokens=TokenVerifier(
                issuers=settings.oidc_issuers,
                directories=settings.oidc_directories,
                object_claim=settings.oidc_object_claim,
                directory_claim=settings.oidc_directory_claim,
                keysets=KeySets(HttpJwks(settings.oidc_jwks_uri), self.ports.clock),
                clock=self.ports.clock,
            ),
        )

    @cached_property
    def provisioning(self) -> Provisioning:
        """Return what creates tenants, principals and grants."""
        from shared.identity.provisioning import Provisioning
        from shared.ingest.runs import prepare_tenant

        def known_contract(name: str) -> None:
            from shared.ingest.contracts import named

            named(name)

        return Provisioning(
            self.database(Login.CONTROL),
            self.ports.ids,
            on_new_tenant=[self.keyring.prepare_tenant, prepare_tenant],
            check_contract=known_contract,
        )

    @cached_property
    def approvals(self) -> Approvals:
        """Return what asks a second person; it knows the kinds of every room that has some."""
        # A kind is known when its room is imported, and who decides may need nothing else of it.
        import shared.policy.service  # noqa: F401 - see above
        from shared.approvals.service import Approvals

        return Approvals(self.database(Login.CONTROL), self.ports.ids)

    @cached_property
    def policy(self) -> Policy:
        """Return the policy of this environment."""
        from shared.ingest.contracts import policy_document, shipped
        from shared.ingest.runs import open_segments
        from shared.policy.service import Policy

        return Policy(
            self.database(Login.CONTROL),
            self.database(Login.DATA),
            policy_document(shipped()),
            self.approvals,
            on_activated=[open_segments],
        )

    @cached_property
    def keyring(self) -> Keyring:
        """Return the keys of tenants."""
        from shared.pii.keyring import Keyring

        return Keyring(self.tenant_keys)
