"""How bodies lie at rest: JSON as it is when short, else one zstd frame. The first byte tells
which.

The bodies of one dataset are much alike. Once `SAMPLES` of them have been seen, a dictionary is
trained on them and kept in the store; frames name it by its id. On events of 1.1 KB that makes 100
bytes out of 700 and takes a quarter of the time.

zstandard's dictionaries must not be shared between compressors: each gets its own.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Set

import zstandard

from onefold.store.engine import Engine
from onefold.store.tables import dictionaries

SHORT_BYTES = 64
SAMPLES = 1_000
SAMPLES_BYTES_MAX = 4_000_000
DICTIONARY_BYTES = 16_384
_LEVEL = 1
_ZSTD_MAGIC = 0x28  # the first byte of every zstd frame; JSON objects begin with `{`


class Packing:
    """Packs and unpacks the bodies of one sandbox.

    Only one thread may pack and learn; any may unpack.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._plain = zstandard.ZstdCompressor(level=_LEVEL)
        self._taught = {
            dataset: _compressor(body) for dataset, (_, body) in dictionaries.latest(engine).items()
        }
        self._samples: dict[str, list[bytes]] = {}
        self._local = threading.local()

    def pack(self, body: bytes, dataset: str) -> bytes:
        """`body`, which is of this dataset, in the form it is stored in."""
        if len(body) <= SHORT_BYTES:
            return body
        return self._taught.get(dataset, self._plain).compress(body)

    def unpack(self, stored: bytes) -> bytes:
        """The body that `pack` was given."""
        if stored[0] != _ZSTD_MAGIC:
            return stored
        return self._decompressor(_dictionary_id(stored)).decompress(stored)

    def untaught(self, datasets: Set[str]) -> Set[str]:
        """Those of the datasets that have no dictionary yet."""
        return datasets - self._taught.keys()

    def learn(self, bodies: Iterable[tuple[str, bytes]]) -> None:
        """Take note of (dataset, body) of untaught datasets that have been stored, and teach the
        datasets of which enough is known. Costs 50 ms once a dataset, and a transaction of its
        own.
        """
        for dataset, body in bodies:
            self._samples.setdefault(dataset, []).append(body)
        for dataset in [d for d, s in self._samples.items() if _enough(s)]:
            samples: list[bytes | bytearray | memoryview] = [*self._samples.pop(dataset)]
            dictionary_id = dictionaries.next_id(self._engine)
            try:
                trained = zstandard.train_dictionary(
                    DICTIONARY_BYTES, samples, dict_id=dictionary_id
                ).as_bytes()
            except zstandard.ZstdError:  # too little in common; try again with other samples
                continue
            dictionaries.add(self._engine, dictionary_id, dataset, trained)
            self._taught[dataset] = _compressor(trained)

    def _decompressor(self, dictionary_id: int) -> zstandard.ZstdDecompressor:
        known: dict[int, zstandard.ZstdDecompressor] | None
        known = getattr(self._local, "decompressors", None)
        if known is None:
            known = self._local.decompressors = {0: zstandard.ZstdDecompressor()}
        found = known.get(dictionary_id)
        if found is None:
            body = dictionaries.body_of(self._engine, dictionary_id)
            found = known[dictionary_id] = zstandard.ZstdDecompressor(
                dict_data=zstandard.ZstdCompressionDict(body)
            )
        return found


def _enough(samples: list[bytes]) -> bool:
    return len(samples) >= SAMPLES or sum(map(len, samples)) >= SAMPLES_BYTES_MAX


def _dictionary_id(frame: bytes) -> int:
    """The id in a frame's header, 0 when it has none. Source: RFC 8878, 3.1.1.1."""
    descriptor = frame[4]
    start = 5 if descriptor & 0x20 else 6  # without a single segment there is a window descriptor
    return int.from_bytes(frame[start : start + (0, 1, 2, 4)[descriptor & 3]], "little")


def _compressor(dictionary: bytes) -> zstandard.ZstdCompressor:
    return zstandard.ZstdCompressor(
        level=_LEVEL, dict_data=zstandard.ZstdCompressionDict(dictionary)
    )
