"""Questions to the program: what JavaScript asks of the callables and iterators in the data of a call.

Here are their messages; who performs them is in `_client`. `runtime/questions.mjs` is the other end.
"""

from __future__ import annotations

from ..exceptions import PayloadTooLarge, UnexpectedResponse
from .frames import ANSWER, END, HEADER, MAX_LENGTH, RICH, Frame, rich_body
from .messages import fault_frame, read_error
from .values import decode, encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Literal

    from ..exceptions import JSHostError
    from .frames import Buffer

    Operation = Literal["call", "next", "close"]

#: The result of "next" where there is no further item.
NO_MORE = object()

#: So many exceptions of one call are remembered, in case the JavaScript lets one through.
MAX_FAULTS = 100


class Questions:
    """The questions of one call. `references` are the callables and iterators in its data, by their numbers."""

    __slots__ = ("faults", "id", "limit", "references")

    def __init__(self, id: int, references: list[object], limit: int = MAX_LENGTH) -> None:
        self.id = id
        self.references = references
        self.limit = limit
        #: What was raised, by the number of the question.
        self.faults: dict[int, BaseException] = {}

    def read(self, frame: Frame) -> tuple[object, Operation, list[Any]]:
        """What an ASK frame asks for: of which callable or iterator, what, and with which arguments."""
        match decode(frame.body, frame.attachments):
            case [int(number), "call", list(arguments)] if 0 <= number < len(self.references):
                return self.references[number], "call", arguments
            case [int(number), "next" | "close" as operation] if 0 <= number < len(self.references):
                return self.references[number], operation, []
            case asked:
                raise UnexpectedResponse(f"A question came in that is not understood: {asked!r:.200}.")

    def answer(self, question: int, result: object) -> Sequence[Buffer]:
        """The parts of the frame that answers a question: with its result, or NO_MORE."""
        if result is NO_MORE:
            return [HEADER.pack(0, self.id, END, 0, 0, question)]
        try:
            text, attachments = encode(result, self.references, "answer")
        except Exception as error:
            return self.fault(question, error)
        body = [text] if attachments is None else rich_body(text, attachments)
        length = sum(map(len, body))
        if length > self.limit:
            message = f"What Python answers takes {length} bytes; the host's limit is {self.limit} (requestDataLimit)."
            return self.fault(question, PayloadTooLarge(message))
        flags = 0 if attachments is None else RICH
        return [HEADER.pack(length, self.id, ANSWER, flags, 0, question) + body[0], *body[1:]]

    def fault(self, question: int, error: BaseException) -> Sequence[Buffer]:
        """The parts of the frame that answers a question with the exception that it raised."""
        if len(self.faults) >= MAX_FAULTS:
            del self.faults[next(iter(self.faults))]
        self.faults[question] = error
        return [fault_frame(self.id, question, error, self.limit)]

    def error(self, body: Buffer, function: str) -> JSHostError:
        """The exception that the call's ERROR stands for; its cause is ours, if that came back."""
        return read_error(body, function, self.faults)
