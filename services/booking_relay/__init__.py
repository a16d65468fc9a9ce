"""Tells Kafka the outcome of every quote: booked as soon as it is, not_booked once it has ended unused."""
