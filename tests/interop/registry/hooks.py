"""Hooks of schemathesis: the key of a moderator where one is wanted, and no address of a stranger."""

import os

import schemathesis


@schemathesis.hook
def map_body(context, body):
    # A random address would be asked for its price, and it may be somebody's.
    url = body.get("url") if isinstance(body, dict) else None
    if isinstance(url, str) and "http" in url.lower() and len(url) <= 2048:
        return {**body, "url": os.environ["REGISTRY_SERVICE"]}
    return body


@schemathesis.auth().apply_to(path_regex="^/api/v1/admin/")
class Moderator:
    def get(self, case, context):
        return os.environ["REGISTRY_TOKEN"]

    def set(self, case, data, context):
        case.headers = case.headers or {}
        case.headers["Authorization"] = f"Bearer {data}"
