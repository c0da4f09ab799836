# SPDX-License-Identifier: GPL-3.0-or-later
"""The stack's database, for what cannot be seen or arranged from outside."""
import contextlib

import psycopg2


@contextlib.contextmanager
def database(stack):
    """A function that runs one statement and returns its rows; every statement is committed."""
    connection = psycopg2.connect(stack.info["database"])
    connection.autocommit = True

    def query(sql, *values):
        with connection.cursor() as cursor:
            cursor.execute(sql, values)
            return cursor.fetchall() if cursor.description else []
    try:
        yield query
    finally:
        connection.close()
