"""What watches Wayfare, as code: recorded rules, objectives, alerts, routes, dashboards and what is scraped."""
