"""Limits hold however many ask at once: from threads, and from several processes."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

import plant
from stores import People, Place
from tokenguard.errors import RefusedError
from tokenguard.model.audit import AuditFilter
from tokenguard.model.token import NewToken, TokenFilter, TokenStatus

OWN = "developer.manage_tokens"

_PROCESS = """
import sys
from concurrent.futures import ThreadPoolExecutor

from stores import POSTGRES, People, Place
from tokenguard.errors import RefusedError
from tokenguard.model.token import NewToken

place, owner, family, number = Place(POSTGRES, sys.argv[1]), *sys.argv[2:]
people = People(place.open())
service = people.store.acting(people.store.local("process"))


def create(_):
    try:
        service.create_token(NewToken("x", family=family, owner=owner))
    except RefusedError as error:
        return error.code
    return "made"


print("ready", flush=True)
sys.stdin.readline()
with ThreadPoolExecutor(8) as pool:
    print(" ".join(pool.map(create, range(int(number)))), flush=True)
place.close()
"""


def live(people: People, owner: str, family: str) -> int:
    which = TokenFilter(owner=owner, family=family, status=TokenStatus.ACTIVE)
    return len(people.local.list_tokens(which).tokens)


def test_fifty_at_once_with_room_for_ten(people: People) -> None:
    acting = people.acting(people.user(), OWN)

    def create(_: int) -> str:
        try:
            acting.create_token(NewToken("x", family=plant.KEEBAI))
        except RefusedError as error:
            return error.code
        return "made"

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(create, range(50)))
    assert answers.count("made") == 10
    assert answers.count("TOKEN_LIMIT_REACHED") == 40
    assert live(people, "dana@example.org", plant.KEEBAI) == 10
    events = people.local.audit(AuditFilter()).events
    assert sum(event.detail.get("family") == plant.KEEBAI for event in events) == 10


def test_rotations_and_creations_at_once_stay_within_the_limit(people: People) -> None:
    acting = people.acting(people.user(plan="FREE"), OWN)
    made = [acting.create_token(NewToken("x", family=plant.BINBOI_ACCESS)).record.id for _ in range(3)]

    def act(index: int) -> str:
        try:
            if index % 2:
                acting.rotate_token(made[index % 3])
            else:
                acting.create_token(NewToken("x", family=plant.BINBOI_ACCESS))
        except RefusedError as error:
            return error.code
        return "done"

    with ThreadPoolExecutor(12) as pool:
        answers = set(pool.map(act, range(24)))
    assert answers <= {"done", "TOKEN_LIMIT_REACHED", "CONFLICT"}
    assert live(people, "dana@example.org", plant.BINBOI_ACCESS) <= 3


def test_several_processes(people: People, place: Place) -> None:
    user = people.user()
    command = [sys.executable, "-c", _PROCESS, place.url, user.id, plant.KEEBAI, "15"]
    search = json.dumps(sys.path)
    command[2] = f"import sys; sys.path[:] = {search}\n" + command[2]
    pipe = subprocess.PIPE
    processes = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(4)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = " ".join(process.communicate(timeout=120)[0] for process in processes).split()
    assert all(process.returncode == 0 for process in processes)
    assert len(answers) == 60
    assert answers.count("made") == 10
    assert set(answers) == {"made", "TOKEN_LIMIT_REACHED"}
    assert live(people, user.id, plant.KEEBAI) == 10


@pytest.mark.parametrize("grace", [0, 60])
def test_one_token_rotated_by_many_at_once(people: People, grace: int) -> None:
    """One of them wins; the next is a sign of theft, and then all of the line is dead."""
    user = people.user()
    acting = people.acting(user, OWN)
    token_id = acting.create_token(NewToken("x", family=plant.KEEBAI)).record.id

    def rotate(_: int) -> str:
        try:
            acting.rotate_token(token_id, grace_seconds=grace)
        except RefusedError as error:
            return error.code
        return "rotated"

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(rotate, range(6)))
    assert answers.count("rotated") == 1
    assert answers.count("CONFLICT") == 5
    assert live(people, user.id, plant.KEEBAI) == 0
