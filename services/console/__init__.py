"""console: pages for operators, and the figures that they show."""
