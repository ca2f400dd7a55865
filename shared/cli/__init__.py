"""The command line ``opsplane``: a surface over the services, with no logic of its own.

============== ===========================================================================
``main``       the parser of all groups; from an argument list to an exit code
``commands``   how a group and a command are declared; every command takes ``--json``
``session``    who is calling, with which settings, through which services
``answers``    what a command hands back, and how it is printed
``problems``   errors into text, problem documents and exit codes
others         one module per group: ``register(groups)`` and one function per command
============== ===========================================================================

A command is a function ``Session -> Answer`` declared with `commands.command`. It gets a call
from the session (``operator()`` or ``migrator()``), calls one service and says what came of it.

Who calls is decided by a credential, never by a flag: operators by a token or, in local_parity, a
static key, verified by the verifier that serves HTTP; migrations and the first initialisation
by holding the migrator's database login.

Modules import argparse and each other at the top; services, drivers and SDKs inside the command
that needs them, so that ``opsplane --help`` answers at once.
"""
