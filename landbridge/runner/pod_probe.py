"""What the doctor's probe job does inside a cluster: look around, and say what it saw. Needs only the standard library.

Its order comes in the variable PROBE (JSON), because signed URLs must not stand in a pod's manifest; its answer is the
container's termination message (JSON, at most 4096 bytes). It judges nothing: the doctor does.
"""

from __future__ import annotations  # in a pod it runs on the Python of the user's image

import contextlib
import json
import os
import re
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

ORDER_VARIABLE = "PROBE"
MESSAGE = "/dev/termination-log"
LIMIT = 4000
SECONDS = 4.0


def main(order: Mapping[str, Any], message: str = MESSAGE) -> int:
    began = time.time()
    seen: dict[str, Any] = {
        "time": began,
        "python": sys.version.split()[0],
        "uid": os.getuid(),
        "names": {name: addresses(name) for name in order.get("names", ())},
        "reached": {url: reach(url) for url in order.get("reach", ())},
        "direct": {place: connects(place) for place in order.get("direct", ())},
        "put": transfer("PUT", order["put"], order["put"].get("body", "")) if order.get("put") else "",
        "get": transfer("GET", order["get"]) if order.get("get") else "",
    }
    seen["seconds"] = round(time.time() - began, 3)
    with open(message, "w", encoding="utf-8") as file:
        file.write(shortened(seen))
    return 0


def addresses(name: str) -> list[str]:
    """Empty when the name has none."""
    with contextlib.suppress(OSError):
        return sorted({str(item[4][0]) for item in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)})
    return []


def reach(url: str) -> str:
    """ "" when something answered, whatever it said: over HTTP through the proxy that the pod has, else by a connection."""
    if "://" not in url:
        return connects(url)
    try:
        with urllib.request.urlopen(url, timeout=SECONDS):
            return ""
    except urllib.error.HTTPError:
        return ""  # it refuses strangers, so it is there
    except (OSError, ValueError) as error:
        return said(error)


def connects(place: str) -> str:
    """ "" when host:port takes a connection from here, around any proxy. Sends nothing."""
    host, _, port = place.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=SECONDS):
            return ""
    except (OSError, ValueError) as error:
        return said(error)


def transfer(method: str, at: Mapping[str, Any], body: str = "") -> str:
    """ "" when the object was written, or read as `expect` says. Never names the URL: it is a credential."""
    request = urllib.request.Request(
        at["url"], data=body.encode() if method == "PUT" else None, headers=at.get("headers", {}), method=method
    )
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            content = answer.read().decode(errors="replace")
    except urllib.error.HTTPError as error:
        return f"HTTP {error.code} {code_of(error.read(2000).decode(errors='replace'))}".rstrip()
    except (OSError, ValueError) as error:
        return said(error)
    return "" if content == at.get("expect", content) else "the content is another one"


def code_of(page: str) -> str:
    """An object store's own word for what is wrong; the rest of its answer may repeat a credential."""
    found = re.search(r"<Code>(\w{1,80})</Code>", page)
    return found[1] if found else ""


def said(error: Exception) -> str:
    reason = getattr(error, "reason", None) or error
    return f"{type(reason).__name__}: {reason}"[:120]


def shortened(seen: dict[str, Any]) -> str:
    """At most what a termination message holds: the longest part gives way, and says so."""
    text = json.dumps(seen)
    while len(text) > LIMIT:
        key = max(("names", "reached", "direct"), key=lambda key: len(json.dumps(seen[key])))
        seen[key] = dict(list(seen[key].items())[: len(seen[key]) // 2])
        seen["cut"] = True
        text = json.dumps(seen)
    return text


if __name__ == "__main__":
    sys.exit(main(json.loads(os.environ[ORDER_VARIABLE])))
