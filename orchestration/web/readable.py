"""Answers in JSON that every client can read."""

import json
from typing import Any

from fastapi.responses import JSONResponse
from typing_extensions import override


class ReadableJson(JSONResponse):
    """JSON in UTF-8, in which half of a character is a question mark: an agent may say anything."""

    @override
    def render(self, content: Any) -> bytes:
        text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode(errors="replace")
