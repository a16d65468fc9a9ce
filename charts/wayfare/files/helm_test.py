"""`helm test`: every service is ready, no public route answers without a token, and with one there is a price."""

import json
import os
import pathlib
import sys
import urllib.error
import urllib.request


def ask(url, token=None, body=None):
    """Status and body of the answer; 0 and the reason when there was none."""
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    request = urllib.request.Request(url, data=json.dumps(body).encode() if body else None, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError as error:
        return 0, str(error)


failures = 0


def expect(what, wanted, url, **options):
    """Say whether the answer has the status wanted."""
    global failures
    status, text = ask(url, **options)
    failures += status != wanted
    print(
        "ok  " if status == wanted else "FAIL",
        what,
        f"{status}" if status == wanted else f"{wanted} expected, got {status}: {text[:300]}",
    )
    return text


for url in os.environ["READY_URLS"].split():
    expect(f"ready: {url}", 200, url)
pricing = os.environ["WAYFARE_PRICING_URL"]
expect("cities are refused without a token", 401, f"{pricing}/v1/cities")
file = pathlib.Path("/etc/wayfare/keys/token/service.token")
if file.exists():
    token = file.read_text().strip()
    expect("cities", 200, f"{pricing}/v1/cities", token=token)
    way = {name: json.loads(os.environ[name.upper()]) for name in ("pickup", "dropoff")}
    text = expect("a quote", 201, f"{pricing}/v1/quotes", token=token, body=way | {"rider_id": "helm-test"})
    print("    ", text[:400])
else:
    print("skip a quote: there is no token, see global.keys.token")
sys.exit(failures > 0)
