"""drift_monitor: served predictions and outcomes beside what training saw; states, figures, a report, events."""
