"""The HTTP edge of every public service: credentials, strict JSON, schemas, problem answers, limits, OpenAPI.

A service declares `Route`s and calls `create_app`; the order in which a request is checked lives in `app.py` alone.
"""
