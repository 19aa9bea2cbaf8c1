"""Who PostgreSQL runs as: it refuses to run as root, and nobody's folders are made readable for it."""

import ctypes
import os
import pwd
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deploy import CannotRunError

LOGINS = ("roundtable", "postgres", "nobody")
CLONE_NEWUSER = 0x10000000
PR_SET_KEEPCAPS = 8
PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 47, 2
CAP_DAC_OVERRIDE = 1
LINUX_CAPABILITY_VERSION_3 = 0x20080522

_libc = ctypes.CDLL(None, use_errno=True)


class NoIdentityError(CannotRunError):
    """PostgreSQL cannot be run here: every way of not being root was tried and failed."""


@dataclass(frozen=True)
class Identity:
    """A way to run a server: what it is called, who then owns its files, and how a child becomes it before exec."""

    words: str
    owner: int
    become: Callable[[], None]


def identity_for(program: Path, folder: Path) -> Identity:
    """Return the first identity that can run `program` and reach `folder`, and give it the folder with its content."""
    tried = []
    for identity in ways():
        try:
            _give(folder, identity.owner)
            _probe(identity, program, folder)
        except (OSError, subprocess.SubprocessError) as failure:
            tried.append(f"{identity.words}: {failure}")
        else:
            return identity
    raise NoIdentityError(
        f"PostgreSQL refuses to run as root, and no other way works for {folder}: {'; '.join(tried)}. "
        "Run as a normal user, or set ROUNDTABLE_DATABASE_URL to use a PostgreSQL of your own."
    )


def ways() -> list[Identity]:
    """Return the ways not to be root on this machine, the one with the fewest rights first; not all need work."""
    if os.geteuid() != 0:
        return [Identity("as the current user", os.geteuid(), lambda: None)]
    login = _unprivileged_login()
    return [
        Identity(f"as {login.pw_name}", login.pw_uid, lambda: _drop_to(login)),
        Identity("in a user namespace", 0, lambda: _enter_user_namespace(login)),
        Identity(
            f"as {login.pw_name}, passing closed folders", login.pw_uid, lambda: _drop_to(login, pass_folders=True)
        ),
    ]


def _unprivileged_login() -> pwd.struct_passwd:
    known = {entry.pw_name: entry for entry in pwd.getpwall() if entry.pw_uid != 0}
    chosen = next((known[name] for name in LOGINS if name in known), None) or next(iter(known.values()), None)
    if chosen is None:
        raise NoIdentityError("PostgreSQL refuses to run as root, and this machine knows no other user.")
    return chosen


def _give(folder: Path, owner: int) -> None:
    """Make `owner` the owner of a folder and all in it, unless it is already."""
    if folder.stat().st_uid == owner:
        return
    for path in (*folder.rglob("*"), folder):
        os.chown(path, owner, -1, follow_symlinks=False)


def _probe(identity: Identity, program: Path, folder: Path) -> None:
    def enter() -> None:
        identity.become()
        next(folder.iterdir(), None)

    subprocess.run(  # noqa: S603 - our own program
        [program, "--version"],
        preexec_fn=enter,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
        timeout=30,
    )


def _enter_user_namespace(login: pwd.struct_passwd) -> None:
    """Be root outside, without its powers, and `login` inside: root's files stay reachable, PostgreSQL sees no root."""
    outside = os.getegid()
    _succeed(_libc.unshare(CLONE_NEWUSER))
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{login.pw_uid} 0 1"),
        ("gid_map", f"{login.pw_gid} {outside} 1"),
    ):
        Path("/proc/self", name).write_text(text)


def _drop_to(login: pwd.struct_passwd, *, pass_folders: bool = False) -> None:
    """Be `login`; with `pass_folders`, keep of root's powers only that of passing folders closed to others."""
    if pass_folders:
        _succeed(_libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0))
    os.setgroups([])
    os.setgid(login.pw_gid)
    os.setuid(login.pw_uid)
    if pass_folders:
        bit = 1 << CAP_DAC_OVERRIDE
        header = (ctypes.c_uint32 * 2)(LINUX_CAPABILITY_VERSION_3, 0)
        effective_permitted_inheritable = (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)
        _succeed(_libc.capset(header, effective_permitted_inheritable))
        _succeed(_libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0))


def _succeed(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
