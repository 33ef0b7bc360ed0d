"""A repository that holds a token of its own in every place that git has, and in every wrapping.

Each function builds one kind of place and says by the names that it plants what must be found.
"""

from __future__ import annotations

import base64
import os
import subprocess
from typing import TYPE_CHECKING

from git_repository import RepositoryBuilder
from proofs.scanning import Planted
from proofs.wrapped import FORMS, NO_TOKEN

if TYPE_CHECKING:
    from pathlib import Path

SAMPLES = (
    "binboi_pat_a1b2c3d4_0123456789abcdef0123456789abcdef0123",
    "binboi_pat_a91f0b3e_4d5e6f708192a3b4c5d6e7f80910a2b3c4d5",
    "binboi_pat_7337cc8b_95cc41b4131fad19a68964de9dccdf81ff06",
)
"""Published by their issuer: counted, never a finding."""

LOOK_ALIKES = b"""\
binboi_pat_test_secret binboi_pat_env_secret binboi_pat_... binboi_pat_<8 hex>_<36 hex> binboi_pat_2e9c4d93
binboi_pat_xxxxxxxx_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
binboi_pat_a1b2c3d4_x9y8z7w6v5u4t3s2r1q0p9o8n7m6l5k4
binboi_live_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx kbai_pk_a1b2 kbai_pk_xxxx...
kbai_pk_a1b2c3d4e5f6...0123456789abcdef
"""

_SUBMODULES = ("-c", "protocol.file.allow=always", "submodule")


def build(folder: Path) -> tuple[RepositoryBuilder, Planted]:
    """The repository with everything in it, and what it holds."""
    planted = Planted()
    repository = RepositoryBuilder(folder / "torture")
    repository.commit({"README": "nothing\n"}, "first")
    forms(repository, planted)
    commits(repository, planted)
    headers(repository, planted)
    file_names(repository, planted)
    refs(repository, planted)
    tags(repository, planted)
    merges(repository, planted)
    lost_objects(repository, planted)
    stashes(repository, planted)
    alternates(repository, planted, folder / "elsewhere")
    submodules(repository, planted, folder / "library")
    nested_repositories(repository, planted)
    linked_worktree(repository, planted, folder / "linked")
    index(repository, planted)
    git_folder(repository, planted)
    worktree(repository, planted)
    return repository, planted


def forms(repository: RepositoryBuilder, planted: Planted) -> None:
    """Every encoding, wrapping and boundary as a file of one commit, none of them called what it is."""
    files = {
        f"forms/{number}": make(planted(f"form: {name}").encode()) for number, (name, make) in enumerate(FORMS.items())
    }
    fresh = Planted()
    files |= {f"none/{number}": make(fresh(name).encode()) for number, (name, make) in enumerate(NO_TOKEN.items())}
    files["none/samples"] = "\n".join(SAMPLES).encode()
    files["none/look-alikes"] = LOOK_ALIKES
    repository.commit(files, "every form")
    repository.commit(dict.fromkeys(files), "and away with them")


def commits(repository: RepositoryBuilder, planted: Planted) -> None:
    """Messages and people."""
    repository.commit(message=f"fix: rotate {planted('commit message')}\n\nand more")
    repository.commit(message=f"subject\n\nbody with\n{planted('body of a commit message')}")
    people = {
        "GIT_AUTHOR_NAME": f"A {planted('author name')}",
        "GIT_AUTHOR_EMAIL": f"{planted('author address')}@example.org",
        "GIT_COMMITTER_NAME": planted("committer name"),
        "GIT_COMMITTER_EMAIL": f"c+{planted('committer address')}@example.org",
    }
    repository.run("commit", "-q", "--allow-empty", "-m", "people", environ=people)
    encoded = base64.b64encode(planted("author name in base64").encode()).decode()
    repository.run(
        "commit", "-q", "--allow-empty", "-m", planted("of an odd author"), environ={"GIT_AUTHOR_NAME": encoded}
    )
    repository.run(
        "-c", "i18n.commitEncoding=ISO-8859-1", "commit", "-q", "--allow-empty", "-F", "-",
        stdin=f"caf\xe9 {planted('commit message in Latin-1')}".encode("latin-1"),
    )  # fmt: skip


def headers(repository: RepositoryBuilder, planted: Planted) -> None:
    """What else a commit's head may hold: a signature, a merged tag, words that git does not know."""
    head = repository.run_raw("cat-file", "commit", "HEAD").partition(b"\n\n")[0]
    signature = b"\ngpgsig -----BEGIN PGP SIGNATURE-----\n \n %s\n -----END PGP SIGNATURE-----"
    merged = b"\nmergetag object %s\n type commit\n tag v0\n tagger T <t@example.org> 1 +0000\n \n %s"
    tip = repository.oid("HEAD").encode()
    kinds = {
        "gpgsig header": signature % planted("gpgsig header").encode(),
        "mergetag header": merged % (tip, planted("mergetag header").encode()),
        "header of another program": b"\nx-token " + planted("header of another program").encode(),
    }
    for number, extra in enumerate(kinds.values()):
        oid = repository.object("commit", head + extra + b"\n\nsigned\n")
        repository.run("update-ref", f"refs/heads/headers/{number}", oid)
    after_nul = b"\n\nbefore\0" + planted("commit message behind a NUL byte").encode() + b"\n"
    repository.run("update-ref", "refs/heads/headers/nul", repository.object("commit", head + after_nul))


def file_names(repository: RepositoryBuilder, planted: Planted) -> None:
    """Names in trees, of things that are no longer there."""
    old = planted("file name of a deleted file")
    folder = planted("folder name of a deleted folder")
    repository.commit({f"{old}.txt": "1", f"{folder}/x": "2"})
    repository.commit({f"{old}.txt": None, f"{folder}/x": None, "before": "same content\n" * 9, "deep/a/b": "3"})
    repository.run("mv", "before", planted("renamed file, content unchanged"))
    repository.run("mv", "deep", planted("renamed folder, content unchanged"))
    repository.commit(message="rename")
    repository.run("rm", "-rqf", "--", *repository.run("ls-files").splitlines())
    odd = {
        b"line\nfeed " + planted("file name with a line feed").encode(): b"4",
        b"caf\xe9 " + planted("file name that is not UTF-8").encode(): b"5",
        b'quote " and \\ \t ' + planted("file name with quotes").encode(): b"6",
    }
    repository.commit(odd, "odd names")
    repository.commit(dict.fromkeys(odd), "gone")
    os.symlink(f"/run/{planted('target of a link')}", repository.path / "link")
    repository.commit(message="a link")
    repository.commit({"link": None}, "no link")


def refs(repository: RepositoryBuilder, planted: Planted) -> None:
    """Names of refs, and what only strange refs reach."""
    repository.run("branch", f"feature/{planted('branch name')}")
    repository.run("tag", planted("tag name"))
    repository.run("update-ref", f"refs/remotes/origin/{planted('remote branch name')}", "HEAD")
    packed = f"refs/heads/{planted('name in packed-refs')}"
    repository.run("update-ref", packed, "HEAD")
    repository.run("pack-refs", "--all")
    repository.run("symbolic-ref", "refs/heads/pointer", f"refs/heads/{planted('target of a symbolic ref')}")
    for ref in ("refs/pull/1/head", "refs/notes/other", "refs/changes/01/1/1", "refs/original/refs/heads/main"):
        content = repository.object("blob", planted(f"only under {ref}").encode())
        tree = repository.run("mktree", stdin=b"100644 blob %s\tfile\n" % content.encode())
        repository.run("update-ref", ref, repository.run("commit-tree", "-m", "elsewhere", tree))
    repository.commit({"annotated": "here"})
    repository.run("notes", "add", "-m", planted("note"))
    repository.run("checkout", "-q", "--orphan", "alone")
    repository.run("rm", "-rqf", ".")
    repository.commit({"alone": planted("orphan branch")}, "alone")
    repository.run("checkout", "-q", "main")


def tags(repository: RepositoryBuilder, planted: Planted) -> None:
    """Annotated tags, and tags to what is no commit."""
    tagger = {
        "GIT_COMMITTER_NAME": planted("tagger name"),
        "GIT_COMMITTER_EMAIL": f"{planted('tagger address')}@example.org",
    }
    repository.run("tag", "-a", "v1", "-m", f"release\n\n{planted('tag message')}", environ=tagger)
    blob = repository.object("blob", planted("tag to a blob").encode())
    repository.run("tag", "to-a-blob", blob)
    other = repository.object("blob", planted("annotated tag to a blob").encode())
    repository.run("tag", "-a", "annotated-blob", "-m", "x", other)
    leaf = repository.object("blob", planted("tag to a tree").encode())
    name = planted("file name in a tagged tree").encode()
    tree = repository.run("mktree", "-z", stdin=b"100644 blob %s\t%s\0" % (leaf.encode(), name))
    repository.run("tag", "to-a-tree", tree)
    repository.run("tag", "-a", "tag-to-a-tag", "-m", planted("tag to a tag"), "v1")
    head = b"object %s\ntype commit\ntag odd\n" % repository.oid("HEAD").encode()
    odd = repository.object("tag", head + b"x-more " + planted("tag header").encode() + b"\n\nmessage\n")
    repository.run("update-ref", "refs/tags/odd", odd)
    gone = repository.object("tag", head + b"tagger T <t@example.org> 1 +0000\n\n" + planted("deleted tag").encode())
    repository.run("tag", "short-lived", gone)
    repository.run("tag", "-d", "short-lived")


def merges(repository: RepositoryBuilder, planted: Planted) -> None:
    """What a merge brings in by itself, and what it throws away."""
    repository.commit({"base": "1\n"})
    repository.run("checkout", "-q", "-b", "side")
    repository.commit({"side": planted("side of a merge")}, "side")
    repository.run("checkout", "-q", "main")
    repository.commit({"main": "main\n"})
    repository.merge("side", files={"base": planted("evil merge"), "side": None})
    repository.commit({"base": "1\n"}, "and nothing to be seen of it")


def lost_objects(repository: RepositoryBuilder, planted: Planted) -> None:
    """What no ref reaches."""
    repository.object("blob", planted("unreachable blob").encode())
    name = planted("file name in an unreachable tree").encode()
    repository.run("mktree", stdin=b"100644 blob %s\t%s\n" % (repository.object("blob", b"x").encode(), name))
    repository.commit({"lost": planted("reflog only")}, f"lost {planted('message of a commit in the reflog only')}")
    repository.run("reset", "-q", "--hard", "HEAD~1")
    repository.commit({"amended": planted("amended")}, f"amended {planted('message of an amended commit')}")
    repository.write("amended", "clean now\n")
    repository.run("commit", "-q", "-a", "--amend", "-m", "clean now")
    repository.run("checkout", "-q", "-b", "deleted")
    repository.commit({"deleted": planted("deleted branch")})
    repository.run("checkout", "-q", "main")
    repository.run("branch", "-qD", "deleted")
    tree = repository.run("write-tree")
    repository.run("commit-tree", "-m", planted("message of a commit that is in no reflog"), tree)
    repository.run("commit", "-q", "--allow-empty", "-m", "x", environ={"GIT_REFLOG_ACTION": planted("reflog message")})


def stashes(repository: RepositoryBuilder, planted: Planted) -> None:
    """A stash with all its parts, and one that was dropped."""
    repository.commit({"tracked": "clean\n", "staged": "clean\n"})
    repository.write("staged", planted("staged part of a stash"))
    repository.run("add", "staged")
    repository.write("staged", "clean\n")
    repository.write("tracked", planted("stash"))
    repository.write("beside", planted("untracked file in a stash"))
    repository.run("stash", "push", "-q", "--include-untracked", "-m", planted("stash message"))
    repository.write("tracked", planted("dropped stash"))
    repository.run("stash")
    repository.run("stash", "drop", "-q")


def alternates(repository: RepositoryBuilder, planted: Planted, folder: Path) -> None:
    """Objects that lie in another repository's database."""
    other = RepositoryBuilder(folder)
    other.object("blob", planted("object of an alternate").encode())
    listed = repository.path / ".git/objects/info/alternates"
    listed.parent.mkdir(exist_ok=True)
    listed.write_text(f"{other.path / '.git/objects'}\n")


def submodules(repository: RepositoryBuilder, planted: Planted, folder: Path) -> None:
    """A submodule with a history of its own, and one that is no longer checked out."""
    library = RepositoryBuilder(folder)
    library.commit({"old": planted("history of a submodule")}, planted("commit message in a submodule"))
    library.commit({"old": "clean\n"})
    gone = RepositoryBuilder(folder.with_name("gone"))
    gone.commit({"file": planted("submodule that is not checked out")})
    repository.run(*_SUBMODULES, "add", "-q", str(folder), "library")
    repository.run(*_SUBMODULES, "add", "-q", str(gone.path), "gone")
    repository.commit(message="submodules")
    repository.run("submodule", "deinit", "-q", "-f", "gone")
    inside = repository.path / "library"
    (inside / "untracked").write_text(planted("untracked file of a submodule"))
    subprocess.run(
        ["git", "hash-object", "-w", "--stdin"], cwd=inside, input=planted("lost in a submodule").encode(), check=True,
        capture_output=True,
    )  # fmt: skip
    subprocess.run(
        ["git", "config", "remote.extra.url", f"https://t:{planted('.git/config of a submodule')}@example.org"],
        cwd=inside, check=True,
    )  # fmt: skip


def nested_repositories(repository: RepositoryBuilder, planted: Planted) -> None:
    """Repositories in the worktree that the outer one does not track."""
    nested = RepositoryBuilder(repository.path / "vendor/nested")
    nested.commit({"a": planted("history of a nested repository")})
    nested.commit({"a": "clean\n"})
    nested.write("b", planted("untracked file of a nested repository"))
    bare = RepositoryBuilder(repository.path / "vendor/backup.git", bare=True)
    bare.object("blob", planted("nested bare repository").encode())


def linked_worktree(repository: RepositoryBuilder, planted: Planted, folder: Path) -> None:
    """What only the index, the reflog and the configuration of a linked worktree hold."""
    repository.run("worktree", "add", "-q", "--detach", str(folder))
    linked = RepositoryBuilder(folder)
    linked.write("staged", planted("index of a linked worktree"))
    linked.write(planted("file name in the index of a linked worktree"), "1")
    linked.run("add", "--all")
    linked.run("update-index", "--index-version=4")
    repository.run("config", "extensions.worktreeConfig", "true")
    linked.run("config", "--worktree", "remote.w.url", f"https://{planted('config.worktree')}@example.org")
    linked.run(
        "checkout", "-q", "--detach", "HEAD~1", environ={"GIT_REFLOG_ACTION": planted("reflog of a linked worktree")}
    )


def index(repository: RepositoryBuilder, planted: Planted) -> None:
    """What is staged and in no commit."""
    name = planted("file name in the index only")
    repository.add({"new": planted("index only"), f"new-folder/{name}": "1"})
    repository.write("new", "clean\n")
    (repository.path / "new-folder" / name).unlink()
    intended = planted("file name that is intended to be added")
    repository.write(intended, "2")
    repository.run("add", "--intent-to-add", intended)
    (repository.path / intended).unlink()
    stages = [repository.object("blob", planted(f"conflict, side {side}").encode()) for side in ("ours", "theirs")]
    entries = "".join(f"100644 {oid} {number}\tconflict\n" for number, oid in enumerate(stages, 2))
    repository.run("update-index", "--index-info", stdin=entries.encode())
    # Only a hit: paths that share a beginning are cut short in an index of version 4.
    repository.run("update-index", "--index-version=4")


def git_folder(repository: RepositoryBuilder, planted: Planted) -> None:
    """Git's own files, and those of programs that keep theirs there."""
    repository.run("config", "remote.origin.url", f"https://u:{planted('.git/config')}@example.org/x.git")
    files = {
        "lfs/objects/ab/cd/abcd": "cached LFS object",
        "COMMIT_EDITMSG": "message of an abandoned commit",
        "FETCH_HEAD": "FETCH_HEAD",
        "hooks/pre-commit.disabled": "hook",
        "info/exclude": "info/exclude",
        "description": "description",
        "rr-cache/ab/preimage": "rerere",
    }
    for path, place in files.items():
        target = repository.path / ".git" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(f"# {planted(place)}\n")


def worktree(repository: RepositoryBuilder, planted: Planted) -> None:
    """Files that git does not track, by whatever reason."""
    (repository.path / ".gitignore").write_text(".env\nnode_modules/\n*.min.js\nbuild/\n")
    for path in (
        ".env",
        "node_modules/a/b/package-lock.json",
        "app.min.js",
        "build/.cache/x.svg",
        "untracked",
        ".hidden",
    ):
        repository.write(path, planted(f"worktree: {path}"))
    repository.write(f"{planted('name of an untracked file')}.txt", "1")
    (repository.path / planted("name of an empty untracked folder")).mkdir()
    encoded = base64.urlsafe_b64encode(planted("name in base64").encode()).decode()
    for name in (planted("name with %5F").replace("_", "%5F"), encoded, planted("name in hexadecimal").encode().hex()):
        repository.write(f"names/{name}", planted(f"content of what is named {len(name)}"))
    os.symlink(planted("target of an untracked link"), repository.path / "dangling")
    (repository.path / "tracked").write_text(planted("modified tracked file"))
