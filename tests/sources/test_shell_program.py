"""Only a program's name ever comes out of a command line, and nothing where it is not certain to be one."""

from __future__ import annotations

import secrets
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

import plant
from tokenguard.sources.shell.program import program


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("curl -H x https://example.org", "curl"),
        ("  curl", "curl"),
        ("/usr/bin/curl -v", "curl"),
        ("./deploy.sh prod", "deploy.sh"),
        ("\\ls -l", "ls"),
        ("C:\\tools\\curl.exe -v", "curl.exe"),
        ("TOKEN=abc curl x", "curl"),
        ("A=1 B='two words' C=\"$x y\" make -j2", "make"),
        ("a[1]=2 b+=3 ls", "ls"),
        ("sudo curl", "curl"),
        ("sudo -u root -E curl", "curl"),
        ("sudo -Eu root curl", "curl"),
        ("sudo -uroot curl", "curl"),
        ("sudo --user=root -- curl", "curl"),
        ("sudo A=1 env B=2 nohup time -p nice -n 10 curl", "curl"),
        ("env -i -u HOME A=1 /bin/curl", "curl"),
        ("timeout -k 5 10s curl", "curl"),
        ("stdbuf -oL curl", "curl"),
        ("exec -a name curl", "curl"),
        ("command -v curl", "curl"),
        ("! grep x", "grep"),
        ("if curl x; then y; fi", "curl"),
        ("(cd /tmp; ls)", "cd"),
        ("ls;rm x", "ls"),
        ("ls|wc", "ls"),
        ("ls>out", "ls"),
        ("for i in 1 2", "for"),
        ("export TOKEN=x", "export"),
        ("Invoke-RestMethod -Uri x", "Invoke-RestMethod"),
        ("ConvertTo-SecureString x", "ConvertTo-SecureString"),
        ("x86_64-linux-gnu-gcc-13 a.c", "x86_64-linux-gnu-gcc-13"),
        ("python3.11 x", "python3.11"),
        ("sha256sum x", "sha256sum"),
        ("7z x", "7z"),
        ("[ -f x ]", "["),
        (". ~/.profile", "."),
        ("sudo -i", "sudo"),
        ("time", "time"),
    ],
)
def test_the_name_is_found(command: str, name: str) -> None:
    assert program(command.encode()) == name


@pytest.mark.parametrize(
    "command",
    [
        "",
        "   ",
        "TOKEN=abc",
        "TOKEN=$(pass show x) curl",
        "TOKEN=`pass show x` curl",
        'TOKEN="two words',
        "TOKEN=abc; curl",
        "sudo --user root curl",
        "sudo -9 root curl",
        "env -S 'curl x'",
        "time --format x curl",
        "'my secret' x",
        '"abc" x',
        "$TOKEN",
        "$env:TOKEN = 'x'",
        "$(secret)",
        'foo"bar baz',
        "https://user:password@example.org/x",
        "user@example.org",
        "10.0.0.1",
        "1234",
        "# a comment",
        "!curl",
        "čaj",
        "a" * 65,
        "-H x",
        "|",
        "deadbeef",
        "550e8400-e29b-41d4-a716-446655440000",
        "--token x",
    ],
)
def test_where_it_is_in_doubt_there_is_none(command: str) -> None:
    assert program(command.encode()) is None


@pytest.mark.parametrize("rule", plant.RULES)
@pytest.mark.parametrize(
    "place",
    [
        *("{}", " {} -v", "./{}", "/opt/{}/", "{}.sh", "sudo {}", "sudo -u {}", "sudo -u {} {}", "env A={} {}"),
        *("{}=x {}", "time {}", "'{}'", '"{}" x', "\\{}", "x-{}", "{}|x", "({})", "nice -n {}", "timeout {} {}"),
        *("! {}", "{}\\", "& '{}'", "if {}; then"),
    ],
)
def test_a_token_pasted_as_a_command_is_never_its_name(place: str, rule: str) -> None:
    for _ in range(20):
        token = plant.token(rule)
        assert not leaks(program(place.replace("{}", token).encode()), token)


@given(
    st.binary(min_size=16, max_size=36).map(bytes.hex),
    st.sampled_from(["", "binboi_pat_2e9c4d93_", "kbai_pk_", "x_", "tok-", "sk."]),
    st.integers(0, 60),
)
def test_no_piece_of_a_hex_token_is_a_name(body: str, before: str, start: int) -> None:
    """Also where the paste began in the middle, or a line break cut it."""
    name = program((before + body[start:]).encode())
    assert not leaks(name, body)


@pytest.mark.parametrize("alphabet", [string.ascii_letters + string.digits, string.ascii_uppercase + "234567"])
def test_random_words_of_other_alphabets_are_hardly_ever_names(alphabet: str) -> None:
    words = ("".join(secrets.choice(alphabet) for _ in range(24)) for _ in range(2000))
    assert sum(program(word.encode()) is not None for word in words) <= 2


@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_a_name_is_short_and_printable_and_stands_in_the_command(command: bytes) -> None:
    name = program(command)
    if name is not None:
        assert 0 < len(name) <= 64
        assert name.isascii()
        assert name.isprintable()
        assert " " not in name
        assert name.encode() in command


def leaks(name: str | None, token: str) -> bool:
    """Whether eight characters in a row of the token's hidden part stand in the name."""
    hidden = token.rpartition("_")[2]
    return name is not None and any(hidden[i : i + 8] in name for i in range(max(1, len(hidden) - 7)))
