#!/usr/bin/env python3
"""Generate the broker's accounts from the inventory: cameras, operators (for their bridges) and camwatch.

    deploy/mosquitto/generate-accounts.py --fleet config/fleet --folder deploy/secrets

writes into the folder

    mosquitto/passwords      the hashes, for the broker
    mosquitto/acl            the access list, based on the file `acl` beside this script
    camwatch/mqtt-username   for camwatch, with mqtt-password; both with -b for the second daemon of a pair
    cameras/accounts         lines USER:PASSWORD in clear text, to hand out to cameras and landlords

Existing accounts keep their password, new ones get one; accounts of retired or removed cameras are deleted.
Needs Python 3.9 and nothing else. Exit codes: 0 done, 2 the inventory or the folder cannot be used.
"""

from __future__ import annotations

import argparse
import base64
import csv
import hashlib
import hmac
import os
import re
import secrets
import sys
from pathlib import Path

# By client id of each daemon: the files of its account. The user name is random, because a client that knows
# it can make a Mosquitto older than 2.0.13 drop that session with one refused connection.
READERS = {
    "camwatch": ("mqtt-username", "mqtt-password"),
    "camwatch-b": ("mqtt-username-b", "mqtt-password-b"),
}
RULES = Path(__file__).with_name("acl")
ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
# The passwords are random, 192 bits: more rounds would add no protection, and would delay 458 cameras that
# reconnect at the same time.
ROUNDS = 101


def users_of(fleet: Path) -> tuple[list[str], list[str]]:
    """Return the user names of operators and cameras in the inventory. Raises ValueError with the place."""
    operators = [row["operator_id"].strip() for row in rows(fleet / "operators.csv", "operator_id")]
    cameras = [
        f"{row['operator_id'].strip()}/{row['camera_id'].strip()}"
        for row in rows(fleet / "cameras.csv", "operator_id", "camera_id", "lifecycle")
        if row["lifecycle"].strip() != "retired"
    ]
    for user in operators + cameras:
        if not all(ID.fullmatch(part) for part in user.split("/")):
            raise ValueError(f"{fleet}: {user!r} is not a valid id: see docs/reference/inventory.md")
    return operators, cameras


def readers_of(folder: Path) -> dict[str, str]:
    """Return the user name of each daemon by its client id: the existing one, or a new one."""
    names = {}
    for client, (name, _) in READERS.items():
        file = folder / name
        names[client] = (
            file.read_text("utf-8").strip() if file.exists() else f"camwatch-{secrets.token_hex(8)}"
        )
    return names


def rules(readers: dict[str, str], operators: list[str], cameras: list[str]) -> str:
    """Return the access list: the fixed part, then a paragraph for each daemon and each operator.

    An operator's paragraph lists its cameras one by one: with a wildcard, the account could publish retained
    messages of any number of invented cameras, until the broker runs out of memory.
    """
    text = [RULES.read_text("utf-8")]
    text += [
        f"\nuser {user}\ntopic read camwatch/v1/+/+/heartbeat\ntopic read camwatch/v1/+/+/status\n"
        f"topic readwrite camwatch/v1/$canary/{client}\ntopic deny camwatch/v1/{user}/#\n"
        for client, user in readers.items()
    ]
    for operator in operators:
        text.append(f"\nuser {operator}\n")
        text += [
            f"topic write camwatch/v1/{camera}/heartbeat\ntopic write camwatch/v1/{camera}/status\n"
            for camera in cameras
            if camera.startswith(f"{operator}/")
        ]
    return "".join(text)


def rows(file: Path, *columns: str) -> list[dict[str, str]]:
    """Return the rows of a table (comma or semicolon, UTF-8 with or without BOM). Raises ValueError."""
    with file.open(encoding="utf-8-sig", newline="") as lines:
        header = lines.readline()
        lines.seek(0)
        found = list(csv.DictReader(lines, delimiter=";" if header.count(";") > header.count(",") else ","))
    for number, row in enumerate(found, 2):
        if any(row.get(column) is None for column in columns):
            raise ValueError(f"{file}: row {number}: lacks one of {', '.join(columns)}")
    return found


def hash_password(password: str, salt: bytes | None = None) -> str:
    """Return the hash of a password for the broker: PBKDF2 over SHA-512, as mosquitto_passwd writes it."""
    salt = salt or secrets.token_bytes(12)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ROUNDS)
    return f"$7${ROUNDS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def is_hash_of(password: str, line: str) -> bool:
    """Whether the hash is that of the password."""
    parts = line.split("$")
    return len(parts) == 5 and hmac.compare_digest(line, hash_password(password, base64.b64decode(parts[3])))


def read(file: Path) -> dict[str, str]:
    """Return the lines USER:REST of a file; empty if the file does not exist."""
    if not file.exists():
        return {}
    pairs = (line.partition(":") for line in file.read_text("utf-8").splitlines() if line)
    return {user: rest for user, _, rest in pairs}


def write(file: Path, text: str) -> None:
    """Replace a file atomically, readable by its owner only; owner and group are those of the old file."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = file.with_name(file.name + ".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
        out.write(text)
    if file.exists():
        before = file.stat()
        new.chmod(before.st_mode & 0o770)
        if os.geteuid() == 0:
            os.chown(new, before.st_uid, before.st_gid)
    new.replace(file)


def lines(accounts: dict[str, str]) -> str:
    """Return the text of a file of lines USER:REST."""
    return "".join(f"{user}:{rest}\n" for user, rest in accounts.items())


def generate(fleet: Path, folder: Path, renew: list[str]) -> tuple[set[str], set[str], set[str]]:
    """Write all files; return the names of all accounts, of the new ones and of the removed ones.

    Raises OSError, ValueError.
    """
    operators, cameras = users_of(fleet)
    own = folder / "camwatch"
    readers = readers_of(own)
    users = [*readers.values(), *operators, *cameras]
    for stranger in set(renew) - set(users):
        raise ValueError(f"--renew {stranger}: no such account")
    plain, hashed = folder / "cameras/accounts", folder / "mosquitto/passwords"
    before = read(plain)
    for client, user in readers.items():
        file = own / READERS[client][1]
        if file.exists():
            before[user] = file.read_text("utf-8").strip()
    now = {
        user: before[user] if user in before and user not in renew else secrets.token_urlsafe(24)
        for user in users
    }
    hashes = {user: line for user, line in read(hashed).items() if is_hash_of(now.get(user, ""), line)}
    for client, user in readers.items():
        name, password = READERS[client]
        write(own / name, user + "\n")
        write(own / password, now[user] + "\n")
    write(plain, lines({user: now[user] for user in operators + cameras}))
    write(
        hashed, lines({user: hashes.get(user) or hash_password(password) for user, password in now.items()})
    )
    write(hashed.with_name("acl"), rules(readers, operators, cameras))
    return set(now), now.keys() - before.keys(), before.keys() - now.keys()


def main() -> int:
    """Parse the command line, write the files, report; return the exit code."""
    os.umask(0o077)
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--fleet", type=Path, required=True, help="folder of the inventory tables")
    parser.add_argument("--folder", type=Path, required=True, help="folder to write the files to")
    parser.add_argument(
        "--renew", action="append", default=[], metavar="USER", help="give USER a new password"
    )
    wanted = parser.parse_args()
    try:
        now, new, gone = generate(wanted.fleet, wanted.folder, wanted.renew)
    except (OSError, ValueError) as error:
        print(f"accounts: {error}", file=sys.stderr)
        return 2
    print(f"{len(now)} accounts, {len(new)} of them new, {len(gone)} removed.")
    if gone:
        print("Removed accounts may stay connected until the broker restarts.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
