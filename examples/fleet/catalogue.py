"""What all these programs render: the rows, the batches that are sent around, and what is said in the end."""

ROWS = [{"name": f"Tea no. {number}", "price": number / 4} for number in range(2000)]
BATCHES = [ROWS[first : first + 100] for first in range(0, len(ROWS), 100)]


def tell(pages):
    """Say who rendered the pages: each Python process had a Node process of its own."""
    pairs = {(page["python"], page["node"]) for page in pages}
    assert [page["html"] for page in pages][:2] == ["<li>Tea no. 0: 0.00</li>", "<li>Tea no. 1: 0.25</li>"]
    assert len(pairs) == len({python for python, _ in pairs})
    print(f"{len(pages)} rows were rendered by {len(pairs)} Python processes, each with a host of its own.")
