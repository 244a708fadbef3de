"""Run in a pod: one request, its body a line of the standard input, its answer a line of JSON."""

import json
import sys

import httpx


def main() -> None:
    """Ask METHOD URL and print status, headers and body; ends with the standard input."""
    method, url = sys.argv[1:]
    body = sys.stdin.readline().strip()
    headers = {"Content-Type": "application/json"} if body else {}
    answer = httpx.request(method, url, content=body, headers=headers, timeout=120)
    headers_seen = {name.lower(): value for name, value in answer.headers.items()}
    line = {"status": answer.status_code, "headers": headers_seen, "body": answer.text}
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()
    # `kubectl exec` may lose what a program writes just before its end.
    sys.stdin.read()


main()
