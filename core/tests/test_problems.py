"""The front door's problem+json: its form, and whose language it speaks."""

import json

import pytest

from core.web.problems import TEXTS, Problem, best_language


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("ko", "ko"),
        ("ko-KR,ko;q=0.9,en;q=0.8", "ko"),
        ("en-US,en;q=0.9,ko;q=0.8", "en"),
        ("fr, ko;q=0.1", "ko"),
        ("fr", "en"),
        ("ko;q=0,en;q=0", "en"),
        ("ko;q=x," * 100, "en"),
    ],
)
def test_the_language_the_caller_likes_better(accepted: str, language: str) -> None:
    assert best_language(accepted) == language


@pytest.mark.parametrize("code", sorted(TEXTS))
def test_every_problem_is_complete_in_both_languages(code: str) -> None:
    english, korean = (json.loads(Problem(400, code).body(language)) for language in ("en", "ko"))
    assert set(english) == {"type", "title", "status", "detail", "code", "errors"}
    assert english["detail"] != korean["detail"]
    assert (english["code"], english["status"], english["errors"]) == (code, 400, [])
