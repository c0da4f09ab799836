# SPDX-License-Identifier: GPL-3.0-or-later
"""The stack's database, for what cannot be seen or arranged from outside."""
import contextlib
import json
import urllib.parse

import psycopg2


# Tables that jobs write by themselves, in whatever moment.
OF_JOBS = ("jobs", "leases", "search_blocks", "export_parts", "call_events", "activity_state")


@contextlib.contextmanager
def database(stack, superuser=False, name=None):
    """A function that runs one statement and returns its rows; every statement is committed. `name`: another database than the bridge's."""
    uri = stack.info["database"]
    if superuser:
        target = urllib.parse.urlsplit(uri)
        password = json.loads((stack.dir / "state.json").read_text())["secrets"]["postgres"]
        uri = target._replace(netloc=f"postgres:{password}@{target.hostname}:{target.port}").geturl()
    connection = psycopg2.connect(uri, **({"dbname": name} if name else {}))
    connection.autocommit = True

    def query(sql, *values):
        with connection.cursor() as cursor:
            cursor.execute(sql, values[0] if values and isinstance(values[0], dict) else values)
            return cursor.fetchall() if cursor.description else []
    try:
        yield query
    finally:
        connection.close()
