"""Run in a pod: one request, its body from the standard input, its answer as JSON on the standard output."""

import json
import sys

import httpx


def main() -> None:
    """Ask METHOD URL and print status, headers and body."""
    method, url = sys.argv[1:]
    body = sys.stdin.buffer.read()
    headers = {"Content-Type": "application/json"} if body else {}
    answer = httpx.request(method, url, content=body, headers=headers, timeout=120)
    headers_seen = {name.lower(): value for name, value in answer.headers.items()}
    json.dump({"status": answer.status_code, "headers": headers_seen, "body": answer.text}, sys.stdout)


main()
