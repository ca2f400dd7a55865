"""A token issuer for one machine: what Entra and managed identity are in Azure.

Owns: a folder with its RSA keys and its directory id, and a server on loopback for the key set,
the discovery document and App Service's managed identity endpoint. Never does: authenticate
anyone. Whoever can read the folder is everyone, which is why it lives on a developer's machine.

::

    with Issuer.start(home) as issuer:
        os.environ |= issuer.settings() | issuer.identity_settings()
        token = issuer.mint(object_id, "api://opsplane-ingest")

The product verifies these tokens with the code and the settings that verify Entra's, and
``azure.identity.ManagedIdentityCredential`` gets them here without knowing.
"""

from __future__ import annotations

from local.issuer.issuer import Issuer, NotStartedError

__all__ = ["Issuer", "NotStartedError"]
