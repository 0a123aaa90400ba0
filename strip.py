"""Takes out of the libraries in a folder what only linkers and debuggers read: strip.py FOLDER.

Wheels bring debugging information, of uvloop alone 11 MB. What is loaded is named by the program
headers, so that all sections beyond the last segment can go. https://man7.org/linux/man-pages/man5/elf.5.html
"""

import struct
import sys
from pathlib import Path

ELF64 = b"\x7fELF\x02\x01"  # 64 bits, the lowest byte first: x86-64 and arm64
PROGRAM_HEADERS = struct.Struct("<QQ")  # where they begin; where the section headers do
SIZES = struct.Struct("<HH")  # of a program header, and how many there are
SEGMENT = struct.Struct("<8xQ16xQ")  # of a program header: where it begins in the file, its length


def stripped(library: bytes) -> bytes:
    """Return a library up to the end of its last segment, without sections.

    What is no library of this kind comes back as it is.
    """
    if not library.startswith(ELF64):
        return library
    begin, _ = PROGRAM_HEADERS.unpack_from(library, 32)
    size, count = SIZES.unpack_from(library, 54)
    segments = [SEGMENT.unpack_from(library, begin + size * number) for number in range(count)]
    kept = bytearray(library[: max(offset + length for offset, length in segments)])
    PROGRAM_HEADERS.pack_into(kept, 32, begin, 0)
    kept[60:64] = bytes(4)  # no section headers, and none that has their names
    return bytes(kept)


if __name__ == "__main__":
    for path in Path(sys.argv[1]).rglob("*.so*"):
        if path.is_file() and not path.is_symlink():
            path.write_bytes(stripped(path.read_bytes()))
