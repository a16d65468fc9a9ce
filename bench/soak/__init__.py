"""A soak of the streams: a recording played at speed while processes, servers and connections fail, and a checker that believes only the log and Redis."""
