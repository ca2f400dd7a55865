"""The product: rooms by capability, a kernel below them, surfaces above them.

Imports point down (kernel <- rooms <- surfaces); `bootstrap` alone knows the adapters.
"""
