"""Features: each one named pure function, run by Spark and by the front ends alike."""
