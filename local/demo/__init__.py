"""The demo: the whole path on one machine, watched once a second, accounted for at its end."""
