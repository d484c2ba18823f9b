"""One process of one peer, from nothing to its first result: `python cold.py PEER`. It then waits for stdin's end."""

import os
import sys

sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

from benches.peers.modules import load  # noqa: E402

peer = load(sys.argv[1]).start()
print(peer.function("hello")("World"), flush=True)
sys.stdin.read()
peer.close()
os._exit(0)  # some engines hang in their own finalisers
