"""Prices out: quotes, bookings, the surge map, cities and operator caps over HTTP."""
