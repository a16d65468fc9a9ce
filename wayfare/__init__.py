"""Wayfare: the machine-learning platform a ride-hailing company runs on."""
