"""Grafana dashboards by the Grafana Foundation SDK, one file each; `written.py` makes the files that Grafana reads."""
