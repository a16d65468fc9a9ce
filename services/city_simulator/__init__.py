"""The simulated city and the replayed one: they act as the apps of riders and drivers do, over HTTP."""
