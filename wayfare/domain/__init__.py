"""Pure rules of the mobility domain: standard library and NumPy only; no I/O, no clock, no randomness of its own."""
