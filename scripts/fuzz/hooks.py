"""Puts the secret that the log is searched for into every environment variable that schemathesis makes up, and has it
create what it takes for created, and follow no log, as that may have no end."""

import os

import schemathesis

SECRET = os.environ["FUZZ_SECRET"]

# In characters: more than any parameter may have, and a quarter of what a request line may.
MAX_QUERY_VALUE = 4_000


@schemathesis.hook
def map_body(context, body):
    for variable in environment_of(body):
        if isinstance(variable, dict) and isinstance(variable.get("value"), str):
            variable["value"] = SECRET
    return body


@schemathesis.hook
def map_query(context, query):
    """A create that only validates is a success that makes nothing: what follows from it would look for the container."""
    return without_true(query, "validate_only")


@schemathesis.hook
def before_call(context, case, kwargs):
    """Of all requests, also those that no other hook sees. A URL of any length would be 431, which schemathesis takes for no
    refusal."""
    case.query = without_true(case.query, "follow")
    for name, value in (case.query or {}).items():
        if isinstance(value, str):
            case.query[name] = value[:MAX_QUERY_VALUE]


def without_true(query, unwanted):
    if query and str(query.get(unwanted)).lower() == "true":
        return {name: value for name, value in query.items() if name != unwanted}
    return query


def environment_of(body):
    value = body
    for name in ("spec", "process", "env"):
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, list) else []
