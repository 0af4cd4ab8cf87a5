"""What is known of versions of the SQLite library."""


def has_wal_reset_bug(version: str) -> bool:
    """Whether this SQLite can corrupt a WAL database under several connections (sqlite.org/wal.html).

    Fixed in 3.51.3, and in the branches 3.50 from 3.50.7 and 3.44 from 3.44.6 on.
    """
    major, minor, patch = (int(part) for part in version.split(".")[:3])
    fixed_in_branch = {(3, 50): (3, 50, 7), (3, 44): (3, 44, 6)}
    return (3, 7, 0) <= (major, minor, patch) < fixed_in_branch.get((major, minor), (3, 51, 3))
