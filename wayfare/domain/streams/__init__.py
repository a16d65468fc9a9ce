"""Streams: from events in the log to the panes of the live window."""
