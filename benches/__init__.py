"""What a call costs, beside the floor, a bare prototype and the peers: `make bench`."""
