"""The only code that imports ``azure.*`` or talks HTTP. `shared.bootstrap` alone imports it."""
