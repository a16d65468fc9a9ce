"""Serves SavedModels by TensorFlow Serving's protocol where its own image cannot run."""
