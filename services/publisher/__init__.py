"""Brings verified artifacts to the model server and moves labels."""
