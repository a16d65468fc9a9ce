import json
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.console.main import application
from services.console.settings import ConsoleSettings
from wayfare.adapters.jwks_keys import KeySet
from wayfare.adapters.jwt_tokens import JwtTokens
from wayfare.domain.city import City, Place, Registry, Tariff
from wayfare.domain.times import format_rfc3339

KEY = bytes(range(32))
PRIVATE = Ed25519PrivateKey.generate()
PUBLIC = {**jwt.get_algorithm_by_name("EdDSA").to_jwk(PRIVATE.public_key(), as_dict=True), "kid": "ed"}


def square(name, lat, lon):
    corners = tuple(Place(lat + a, lon + b) for a, b in ((-0.5, -0.5), (-0.5, 0.5), (0.5, 0.5), (0.5, -0.5)))
    return City(name, name.upper(), corners, Place(lat, lon), "UTC", "USD", "US", Tariff(1, 1, 1, 1))


class Server:
    """An HTTP server of this machine that answers what a test tells it; stands for Prometheus and for pricing_api."""

    def __init__(self):
        self.answers, self.asked = {}, []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                parts = urlsplit(self.path)
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                outer.asked.append((parts.path, query, dict(self.headers)))
                status, body = outer.answers.get(parts.path, lambda _query: (404, {}))(query)
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                if status in (301, 302):
                    self.send_header("Location", "http://127.0.0.1:1/elsewhere")
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.open = True

    def stop(self):
        if self.open:
            self.server.shutdown()
            self.server.server_close()
        self.open = False


class Prometheus(Server):
    """`values`: what a query that holds such a text answers; other queries have no value. `scraped_s`: how long ago."""

    def __init__(self, wall_ms):
        super().__init__()
        self.wall_ms, self.values, self.scraped_s = wall_ms, {}, 0.0
        self.groups = [{"rules": [{"name": "Quiet", "health": "ok", "alerts": []}]}]
        self.answers["/api/v1/query"] = self._query
        self.answers["/api/v1/rules"] = lambda _query: (200, {"status": "success", "data": {"groups": self.groups}})

    def _query(self, query):
        expr = query["query"]
        if expr.startswith("max(max_over_time(timestamp(up"):
            value = None if self.scraped_s is None else self.wall_ms() / 1000 - self.scraped_s
        else:
            value = next((value for text, value in self.values.items() if text in expr), None)
        result = [] if value is None else [{"metric": {}, "value": [0, str(value)]}]
        return 200, {"status": "success", "data": {"resultType": "vector", "result": result}}


class World:
    """console in front of a Prometheus and a pricing_api of this test; cities `a` and `b`."""

    def __init__(self, folder, **settings):
        self.now = 1_800_000_000.0
        self.prometheus, self.pricing = Prometheus(self.wall_ms), Server()
        self.pricing.answers["/v1/surge/map"] = lambda _query: (200, self.map)
        self.map_age_s = 1.0
        keys = KeySet("x", production=False, read=lambda *_: json.dumps({"keys": [PUBLIC]}).encode())
        keys.fetch()
        given = {
            "state": folder,
            "jwks": "x",
            "cities_file": folder / "cities.json",
            "session_key_file": folder / "session.key",
            "prometheus_url": self.prometheus.url,
            "pricing_url": self.pricing.url,
            # Nothing is shared between two requests of a test.
            "refresh_seconds": 0.2,
        }
        self.settings = ConsoleSettings(**(given | settings))
        self.registry = Registry([square("a", 10, 10), square("b", 20, 20)])
        self.pool = ThreadPoolExecutor(12)
        verifier = JwtTokens(keys, self.settings.token_issuer, clock=lambda: self.now)
        self.app = application(self.settings, lambda: self.registry, verifier, KEY, self.pool, self.wall_ms)
        self.client = self.app.test_client()

    def wall_ms(self):
        return round(self.now * 1000)

    @property
    def map(self):
        ring = [[10, 10], [10.1, 10], [10.1, 10.1], [10, 10.1], [10, 10]]
        rows = [
            {
                "type": "Feature",
                "geometry": {"type": "Polygon", "coordinates": [ring]},
                "properties": {"city": city, "cell": "0230", "multiplier": 1.5},
            }
            for city in ("a", "b")
        ]
        computed = format_rfc3339(round((self.now - self.map_age_s) * 1000))
        return {"type": "FeatureCollection", "features": rows, "computed_at": {"a": computed}, "degraded": []}

    def token(self, role="operator", subject="op-1", seconds=3600, **more):
        claims = {"iss": "wayfare-development", "aud": "wayfare", "sub": subject, "role": role, "iat": self.now}
        return jwt.encode(
            claims | {"exp": self.now + seconds} | more, PRIVATE, algorithm="EdDSA", headers={"kid": "ed"}
        )

    def sign_in(self, token=None):
        return self.client.post("/v1/session", headers={"Authorization": f"Bearer {token or self.token()}"})

    def close(self):
        self.prometheus.stop()
        self.pricing.stop()
        self.pool.shutdown()


@pytest.fixture
def make(tmp_path):
    made = []

    def one(**settings):
        made.append(World(tmp_path, **settings))
        return made[-1]

    yield one
    for world in made:
        world.close()


@pytest.fixture
def world(make):
    return make(console_tls=False)
