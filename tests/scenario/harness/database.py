# SPDX-License-Identifier: GPL-3.0-or-later
"""The stack's database, for what cannot be seen or arranged from outside."""
import contextlib
import json
import urllib.parse

import psycopg2


@contextlib.contextmanager
def database(stack, superuser=False):
    """A function that runs one statement and returns its rows; every statement is committed."""
    uri = stack.info["database"]
    if superuser:
        target = urllib.parse.urlsplit(uri)
        password = json.loads((stack.dir / "state.json").read_text())["secrets"]["postgres"]
        uri = target._replace(netloc=f"postgres:{password}@{target.hostname}:{target.port}").geturl()
    connection = psycopg2.connect(uri)
    connection.autocommit = True

    def query(sql, *values):
        with connection.cursor() as cursor:
            cursor.execute(sql, values)
            return cursor.fetchall() if cursor.description else []
    try:
        yield query
    finally:
        connection.close()
