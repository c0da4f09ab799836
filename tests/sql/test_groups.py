# SPDX-License-Identifier: GPL-3.0-or-later
"""Groups: who is in one, who may do what, and what each of them is told and shown."""
from conftest import new_id
from test_schema import migrations

BEFORE = "0032" # the first migration with rooms


def test_the_upgrade_gives_each_group_a_room(cluster):
    name = cluster.create()
    connection = cluster.connect(name)
    group, direct, users = new_id(), new_id(), sorted(new_id() for _ in range(2))
    with connection.cursor() as cursor:
        for path in migrations():
            if path.stem >= BEFORE:
                break
            cursor.execute(path.read_text())
            cursor.execute("INSERT INTO schema_migrations (version, name) VALUES (%s, %s)", (int(path.stem[:4]), path.stem[5:]))
        for number, user in enumerate(users):
            cursor.execute("INSERT INTO users (id, kind, external_id, jid) VALUES (%s, 'hosted', %s, %s)",
                           (user, f"u{number}", f"u{number}@app.example.org"))
        for id, kind in ((group, "group"), (direct, "direct")):
            cursor.execute("INSERT INTO conversations (id, kind, name, member_ids, member_numbers, plain, position, created_at)"
                           " VALUES (%s, %s, 'Two', %s::uuid[], '{1,2}', %s, 1, now())", (id, kind, users, kind == "direct"))
            cursor.execute("INSERT INTO members (conversation_id, user_id, kind, jid, number, role, grouped, joined_at)"
                           " SELECT %s, u.id, u.kind, u.jid, u.number, 'member', %s, now() FROM users u", (id, kind == "group"))
    connection.commit()
    cluster.migrate(name)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("SET trestle.rooms_domain = 'rooms.example.org'")
        cursor.execute("SELECT (conversation_get(%s, id)).jid, id FROM conversations ORDER BY kind", (users[0],))
        (at_direct, _), (at_group, _) = cursor.fetchall()
        assert at_direct == "u1@app.example.org" and at_group.endswith("@rooms.example.org") and len(at_group) == 34
        cursor.execute("SET trestle.rooms_domain = ''")
        cursor.execute("SELECT (conversation_get(%s, %s)).jid", (users[0], group))
        assert cursor.fetchall() == [(None,)]
    connection.close()
