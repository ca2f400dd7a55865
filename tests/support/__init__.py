"""What tests share: fixtures in `fix_*.py`, each loaded as a pytest plugin."""
