"""Puts the secret that the log is searched for into every environment variable that schemathesis makes up, and has it
create what it takes for created."""

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
    """A create that only validates is a success that makes nothing: what follows from it would look for the container. A log
    that is followed may have no end. And a URL of any length would be 431, which schemathesis takes for no refusal."""
    query = query and {
        name: value[:MAX_QUERY_VALUE] if isinstance(value, str) else value for name, value in query.items()
    }
    for name in ("validate_only", "follow"):
        if query and str(query.get(name)).lower() == "true":
            query = {other: value for other, value in query.items() if other != name}
    return query


def environment_of(body):
    value = body
    for name in ("spec", "process", "env"):
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, list) else []
