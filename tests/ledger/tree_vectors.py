"""A tree whose figures are known, and one made by the definition alone, to hold the program against."""

from hashlib import sha256

CT_ENTRIES = tuple(
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
)
"""The eight entries of the test tree that Certificate Transparency's implementations share."""

CT_ROOTS = tuple(
    bytes.fromhex(text)
    for text in (
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    )
)
"""Its roots at one to eight leaves."""

CT_PATH_0_OF_8 = tuple(
    bytes.fromhex(text)
    for text in (
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    )
)

CT_PATH_6_TO_8 = tuple(
    bytes.fromhex(text)
    for text in (
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    )
)


def entries_of(count: int) -> list[bytes]:
    """Entries as the ledger has them, 32 bytes each, all different."""
    return [sha256(b"entry %d" % number).digest() for number in range(count)]


def root_by_definition(entries: list[bytes]) -> bytes:
    """RFC 9162 section 2.1.1, word for word."""
    if not entries:
        return sha256(b"").digest()
    if len(entries) == 1:
        return sha256(b"\x00" + entries[0]).digest()
    split = 1
    while split * 2 < len(entries):
        split *= 2
    left, right = root_by_definition(entries[:split]), root_by_definition(entries[split:])
    return sha256(b"\x01" + left + right).digest()


def inclusion_by_definition(index: int, entries: list[bytes]) -> list[bytes]:
    """RFC 9162 section 2.1.3.1, word for word."""
    if len(entries) == 1:
        return []
    split = 1
    while split * 2 < len(entries):
        split *= 2
    if index < split:
        return [*inclusion_by_definition(index, entries[:split]), root_by_definition(entries[split:])]
    return [*inclusion_by_definition(index - split, entries[split:]), root_by_definition(entries[:split])]


def consistency_by_definition(first: int, entries: list[bytes], *, whole: bool = True) -> list[bytes]:
    """RFC 9162 section 2.1.4.1, word for word."""
    if first == len(entries):
        return [] if whole else [root_by_definition(entries)]
    split = 1
    while split * 2 < len(entries):
        split *= 2
    if first <= split:
        path = consistency_by_definition(first, entries[:split], whole=whole)
        return [*path, root_by_definition(entries[split:])]
    path = consistency_by_definition(first - split, entries[split:], whole=False)
    return [*path, root_by_definition(entries[:split])]
