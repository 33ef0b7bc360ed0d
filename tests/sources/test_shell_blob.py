"""The bytes that a history gives to the scanner: its own encoding undone, each token on its line of the file."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

import plant
from tokenguard.model import Origin, Reader
from tokenguard.sources.shell import History, blob
from tokenguard.sources.shell.decoding import DecodedReader, Decoder
from tokenguard.sources.shell.libedit import Unvis
from tokenguard.sources.shell.psql import LineBreaksToSpaces
from tokenguard.sources.shell.zsh import Unmetafy

DECODERS: tuple[Callable[[], Decoder], ...] = (Unmetafy, Unvis, LineBreaksToSpaces)
SPECIAL = b"\x83\x84\xa3\x00\x01\n\r \\\\^M-@b2407"
"""Bytes that mean something to one of the decoders: runs of them are more telling than random bytes."""
telling_bytes = st.binary() | st.lists(st.sampled_from(SPECIAL), max_size=40).map(bytes)


def drained(reader: Reader, size: int = 1 << 16) -> bytes:
    buffer, data = bytearray(size), bytearray()
    while count := reader.readinto(memoryview(buffer)):
        data += buffer[:count]
    reader.close()
    return bytes(data)


def decoded(content: bytes, kind: str, folder: Path) -> bytes:
    path = folder / "history"
    path.write_bytes(content)
    return drained(blob(History(path, kind)).open())


def metafied(text: bytes) -> bytes:
    """What zsh 5.9 writes: the bytes that its lexer uses for itself stand as 0x83 and the byte XOR 32."""
    special = {0, *range(0x83, 0xA3)}
    return b"".join(bytes((0x83, byte ^ 32)) if byte in special else bytes((byte,)) for byte in text)


def vis(text: bytes) -> bytes:
    """What libedit 3.1 writes in the C locale: strvis(3) with VIS_WHITE."""
    return b"".join(_vis_byte(byte) for byte in text)


def _vis_byte(byte: int) -> bytes:
    if byte & 0x7F in b" \t\n\\":
        return b"\\%03o" % byte if byte != 0xDC else b"\\M-\\"
    low = byte & 0x7F
    meta = b"M" if byte & 0x80 else b""
    if low < 0x20 or low == 0x7F:
        return b"\\" + meta + b"^" + bytes((low ^ 0x40,))
    return b"\\M-" + bytes((low,)) if meta else bytes((low,))


# What the programs wrote on typed input, shortened, the token aside.
RECORDED = {
    # zsh 5.9, EXTENDED_HISTORY: three of the letters are metafied, a line break has a backslash before it.
    "zsh": (
        (
            b": 1795308533:0;echo \xc5\xbelu\xc5\xa5ou\xc4\x83\xadk\xc3\xbd k\xc5\xaf\xc5\x83\xa8 \xc3\x83\x80 TOKEN\n"
            b": 1795308534:0;echo 'a\\\nTOKEN\\\nb'\n: 1795308535:0;echo end\\\\ \n"
        ),
        "echo žluťoučký kůň à TOKEN",
        (1, 3),
    ),
    # fish 3.6.0
    "fish": (
        (
            b"- cmd: echo \xc5\xbelu\xc5\xa5 TOKEN\n  when: 1795308536\n"
            b"- cmd: for i in 1 2\\necho TOKEN\\nend\n  when: 1795308537\n"
            b"- cmd: cat /etc/hosts\n  when: 1795308538\n  paths:\n    - /etc/hosts\n"
        ),
        "echo žluť TOKEN",
        (1, 3),
    ),
    # bash 5.2.15, HISTTIMEFORMAT, cmdhist and lithist
    "bash": (
        b"#1795308528\necho \xc5\xbelu\xc5\xa5 TOKEN\n#1795308530\necho 'a\nTOKEN\nb'\n",
        "echo žluť TOKEN",
        (2, 5),
    ),
    # PSReadLine: its form as documented, not recorded
    "powershell": (
        b"Get-ChildItem\r\nInvoke-RestMethod `\r\n -Headers @{a='TOKEN'}\r\necho \xc5\xbe TOKEN\r\n",
        "echo ž TOKEN",
        (3, 4),
    ),
    # psql 15.18 with readline
    "psql": (b"\\q\nselect 'TOKEN',\x01  'TOKEN';\n\\q\n", "select 'TOKEN',   'TOKEN';", (2,)),
    # sqlite 3.40.1
    "sqlite": (b"select 'TOKEN'\n, 'b';\n.quit\n", "select 'TOKEN'", (1,)),
    # CPython 3.11 with readline
    "python": (b"def f():\n  return 'TOKEN'\nexit()\n", "return 'TOKEN'", (2,)),
    # node 20.20.2 (newest first, no line feed at the end)
    "node": (b".exit\n}\nreturn 'b'\nx = 'TOKEN'", "x = 'TOKEN'", (4,)),
    # less 590
    "less": (b'.less-history-file:\n.search\n"TOKEN\n.shell\n"echo TOKEN\n', '"TOKEN', (3, 5)),
    # vim 9.0: a long command follows its length, then "<"; the bar line repeats it
    "viminfo": (
        b":\x16314\n<echo 'TOKEN'\n|2,0,1795308551,,\"echo 'TOKEN'\"\n:q!\n|2,0,1795308551,,\"q!\"\n",
        "<echo 'TOKEN'",
        (2, 3),
    ),
    # nvim 0.7.2: msgpack, where a length may be a line feed
    "shada": (b"\x07\xcek\x02<1\x1e\x83\xa1f\xc4\x13/home/t.txt\x04\xcek\x02<0\x0e\x92\x00\xc4\n!echo TOKEN", "", (2,)),
    # ksh 93u+m/1.0.4 and mksh R59
    "sh": (b"\x81\x01echo TOKEN\n\x00\x00echo TOKEN\n\x00\x00exit\n\x00", "", (1, 2)),
    "ksh": (b"\xab\xcd\xff\x00\x00\x00\x02echo TOKEN\x00\xff\x00\x00\x00\x03exit\x00", "", (1,)),
    # libedit 3.1-20221030 in UTF-8, as mariadb writes it
    "mysql": (
        b"_HiStOrY_V2_\nselect\\040'TOKEN\\040\\040x';\n\xc5\xbelu\xc5\xa5\\040\\134n\\012TOKEN\n",
        "select 'TOKEN  x';",
        (2, 3),
    ),
}


@pytest.mark.parametrize("kind", RECORDED)
@pytest.mark.parametrize("rule", plant.RULES)
def test_a_token_keeps_its_line_and_its_bytes(tmp_path: Path, kind: str, rule: str) -> None:
    content, shown, at = RECORDED[kind]
    token = plant.token(rule).encode()
    data = decoded(content.replace(b"TOKEN", token), kind, tmp_path)
    assert tuple(number for number, line in enumerate(data.split(b"\n"), 1) if token in line) == at
    assert shown.encode().replace(b"TOKEN", token) in data
    assert data.count(b"\n") == content.count(b"\n")


def test_the_origin_names_the_file_and_each_open_starts_anew(tmp_path: Path) -> None:
    path = tmp_path / ".zsh_history"
    path.write_bytes(metafied("k\u010d\n".encode()))
    history = blob(History(path, "zsh"))
    assert history.origin == Origin(source="shell", path=str(path))
    assert history.rereadable
    assert drained(history.open()) == drained(history.open()) == "k\u010d\n".encode()


def test_a_file_that_went_away_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        blob(History(tmp_path / "gone", "zsh")).open()


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file that opens and cannot be read")
@pytest.mark.filterwarnings("error")
def test_a_file_that_cannot_be_read_is_an_os_error_and_is_closed() -> None:
    with pytest.raises(OSError, match="Input/output error"):
        blob(History(Path("/proc/self/mem"), "zsh")).open()


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("kind", ["powershell", "zsh", "psql"])
def test_utf_16_is_left_as_it_is(tmp_path: Path, kind: str, encoding: str) -> None:
    content = f"\ufeffecho \u2083 {plant.token(plant.KEEBAI)}\r\n".encode(encoding)
    assert decoded(content, kind, tmp_path) == content


@given(telling_bytes, st.integers(1, 9))
def test_metafied_bytes_come_back(text: bytes, size: int) -> None:
    assert drained(DecodedReader(io.BytesIO(metafied(text)), (Unmetafy(),)), size) == text


@given(telling_bytes, st.integers(1, 9))
def test_vis_encoded_bytes_come_back_without_line_breaks(text: bytes, size: int) -> None:
    expected = text.replace(b"\n", b" ").replace(b"\r", b" ")
    assert drained(DecodedReader(io.BytesIO(vis(text)), (Unvis(),)), size) == expected


def test_vis_as_recorded_from_libedit() -> None:
    # libedit 3.1-20221030, add_history and write_history in the C locale
    text = "ctrl\x01\x1b\x7f\x1c\\y žluť à".encode()
    encoded = b"ctrl\\^A\\^[\\^?\\^\\\\134y\\040\\M-E\\M->lu\\M-E\\M-%\\040\\M-C\\240"
    assert vis(text) == encoded
    assert drained(DecodedReader(io.BytesIO(encoded), (Unvis(),))) == text


@given(telling_bytes, st.integers(1, 9))
@example(b"\\012\\^J\\^M\x83\x2a\x83\n\\\n", 1)
def test_no_decoder_moves_a_line(content: bytes, size: int) -> None:
    for decoder in DECODERS:
        data = drained(DecodedReader(io.BytesIO(content), (decoder(),)), size)
        assert data.count(b"\n") == content.count(b"\n")


class Pieces:
    """A reader that gives its bytes in pieces of one size, as a slow file may."""

    def __init__(self, data: bytes, size: int) -> None:
        self._data, self._size = io.BytesIO(data), size

    def readinto(self, buffer: memoryview, /) -> int:
        return self._data.readinto(buffer[: self._size])

    def close(self) -> None:
        self._data.close()


@given(telling_bytes, st.integers(1, 7))
def test_where_the_pieces_end_changes_nothing(content: bytes, size: int) -> None:
    for decoder in DECODERS:
        whole = decoder().decode(content, final=True)
        assert drained(DecodedReader(Pieces(content, size), (decoder(),))) == whole


@given(
    st.sampled_from(["binboi_pat_", "binboi_live_", "kbai_pk_"]),
    st.binary(min_size=18, max_size=32).map(bytes.hex),
    st.lists(st.sampled_from(SPECIAL), max_size=12).map(bytes),
)
def test_a_token_in_the_clear_survives_whatever_stands_before_it(prefix: str, body: str, before: bytes) -> None:
    """Files are shared: what another program appended in plain bytes is not this encoding, and is still found."""
    assume(not before.endswith(b"\\M-"))  # followed by a letter it is a byte of libedit's, and ambiguous
    token = (prefix + body).encode()
    for decoder in DECODERS:
        assert token in drained(DecodedReader(io.BytesIO(before + token + b"\n"), (decoder(),)))


def test_memory_stays_bounded_on_one_long_line(tmp_path: Path) -> None:
    path = tmp_path / "history"
    piece = metafied(b"x" * 200 + "k\u010d ".encode()) * 512
    with path.open("wb") as file:
        for _ in range(200):
            file.write(piece)
    assert path.stat().st_size > 20_000_000
    buffer = bytearray(1 << 20)
    tracemalloc.start()
    reader = blob(History(path, "zsh")).open()
    while reader.readinto(memoryview(buffer)):
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    reader.close()
    assert peak < 8_000_000
