"""moto's S3 server on a port of loopback. It answers one request at a time, so that its conditional writes are atomic, as S3's are."""

import sys

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple

run_simple("127.0.0.1", int(sys.argv[1]), DomainDispatcherApplication(create_backend_app), threaded=False)
