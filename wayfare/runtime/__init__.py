"""What every Wayfare process needs: settings, logs, metrics, health, shutdown, web."""
