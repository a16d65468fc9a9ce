"""Drift: what served rows look like beside the training's reference, in integer registers, and when that is an alarm."""
