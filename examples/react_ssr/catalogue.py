"""The data of the page: a made-up catalogue, the same on every run.

No random numbers: every field is arithmetic on the product's number, so that a test, a bench and a reader on
another machine see the same page.
"""

MATERIALS = ["Oak", "Çelik", "Лён", "竹", "Céramique", "Λινό", "कपास", "ガラス", "صوف", "Wool & silk"]
THINGS = ["lamp", "čajník", "стул", "急須", "théière", "καθρέφτης", "दीया", "鉢 🪴", "إبريق", '3" vase', "<b>mug</b>"]
TAGS: list[list[str]] = [[], ["new"], [], ["sale"], ["eco", "new"], [], ["last"]]
CATEGORIES = [("all", "All"), ("home", "Für zu Hause"), ("kitchen", "Кухня"), ("garden", "庭 🌿"), ("sale", "Rebajas")]


def product(number: int) -> dict[str, object]:
    """Product `number`, as one row of the table shows it; the price is in cents."""
    return {
        "id": 1000 + number,
        "name": f"{MATERIALS[number % 10]} {THINGS[number * 7 % 11]} {number}",
        "rating": 1 + number * 13 % 41 / 10,
        "stock": number * 31 % 47,
        "price": 199 + number * 7919 % 99_000,
        "tags": TAGS[number % 7],
    }


def catalogue(rows: int = 200) -> dict[str, object]:
    """The props of the page: plain data, about 100 bytes of JSON for each of its products."""
    return {
        "title": "Die Teekanne · お茶の店 🍵",
        "user": "Zoë <zoe@example.org>",
        "locale": "de-DE",
        "currency": "EUR",
        "category": "all",
        "categories": [
            {"id": key, "name": name, "count": rows // (at + 1)} for at, (key, name) in enumerate(CATEGORIES)
        ],
        "products": [product(number) for number in range(rows)],
        "page": 2,
        "pages": 9,
    }
