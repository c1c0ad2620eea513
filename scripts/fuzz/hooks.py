"""Puts the secret that the log is searched for into every environment variable that schemathesis makes up."""

import os

import schemathesis

SECRET = os.environ["FUZZ_SECRET"]


@schemathesis.hook
def map_body(context, body):
    for variable in environment_of(body):
        if isinstance(variable, dict) and isinstance(variable.get("value"), str):
            variable["value"] = SECRET
    return body


def environment_of(body):
    value = body
    for name in ("spec", "process", "env"):
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, list) else []
