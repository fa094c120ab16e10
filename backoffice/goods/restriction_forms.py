"""What a buyer types for a new version of a topic: keywords one a line with their exceptions, sources one a line. The rules are in
`workflow/restrictions.py`."""

from collections.abc import Iterator
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from workflow import restrictions
from workflow.models import Restriction, RestrictionKind

MAX_TEXT = 8_000
#: between a keyword and its exceptions, and between these
BUT, OR = "!", "|"


class LinesField(forms.CharField):
    """One row a line; what a line means is the subclass's."""

    widget = forms.Textarea

    def __init__(self, *, rows: int, **words: Any) -> None:
        super().__init__(required=False, max_length=MAX_TEXT, widget=forms.Textarea(attrs={"rows": rows, "spellcheck": "false"}), **words)

    def clean(self, value: str | None) -> list[dict[str, Any]]:
        return [self.read(line.strip()) for line in super().clean(value).splitlines() if line.strip()]

    def read(self, line: str) -> dict[str, Any]:
        raise NotImplementedError


class KeywordsField(LinesField):
    """`맥주 ! 무알콜 맥주 | 논알콜 맥주`"""

    def read(self, line: str) -> dict[str, Any]:
        word, _but, rest = line.partition(BUT)
        unless = [phrase.strip() for phrase in rest.split(OR) if phrase.strip()]
        return {"word": word.strip(), **({"unless": unless} if unless else {})}


class SourcesField(LinesField):
    """`USPS Publication 52 | https://…`"""

    def read(self, line: str) -> dict[str, Any]:
        title, bar, url = line.rpartition(OR)
        if not bar or not restrictions.is_source_address(url.strip()):
            message = _("Please write a source like “USPS Publication 52 | https://pe.usps.com”: “%(line)s”.")
            raise ValidationError(message, code="not_a_source", params={"line": line[:80]})
        return {"title": title.strip(), "url": url.strip()}


def keywords_as_typed(rows: list[dict[str, Any]]) -> str:
    return "\n".join(f"{row['word']} {BUT} {f' {OR} '.join(row['unless'])}" if row.get("unless") else row["word"] for row in rows)


def _text(label: Any, **more: Any) -> forms.CharField:
    return forms.CharField(label=label, max_length=restrictions.MAX_SECTION, widget=forms.Textarea(attrs={"rows": 4}), **more)


def _short(label: Any) -> forms.CharField:
    return forms.CharField(label=label, max_length=400, widget=forms.Textarea(attrs={"rows": 2}))


ALLOWED, CONDITIONS, CAUTIONS = _("Is it allowed?"), _("Conditions and exceptions"), _("Other cautions")
KEYWORDS_HELP = _("One a line; after “!” the phrases in which it is harmless, parted by “|”.")


class VersionForm(forms.Form):
    """A version of a topic; without `code` it is one of the topic named elsewhere."""

    code = forms.CharField(label=_("Topic code"), max_length=40, help_text=_("Small letters and hyphens; it never changes."))
    valid_from = forms.DateTimeField(
        label=_("Valid from"),
        required=False,
        widget=forms.DateTimeInput(format="%Y-%m-%dT%H:%M", attrs={"type": "datetime-local"}),
        help_text=_("Korean time. Empty: from the moment it is saved."),
    )
    kind = forms.ChoiceField(label=_("Kind"), choices=RestrictionKind.choices)
    country = forms.CharField(label=_("Destination"), max_length=2, required=False, help_text=_("Two letters; empty: everywhere."))
    max_quantity = forms.IntegerField(label=_("Most in one order"), min_value=1, max_value=999, required=False)
    icon = forms.CharField(label=_("Symbol"), max_length=40)
    position = forms.IntegerField(label=_("Position"), min_value=0, max_value=30_000)
    is_active = forms.BooleanField(label=_("In use"), required=False)
    title_ko = forms.CharField(label=_("Title"), max_length=80)
    title_en = forms.CharField(label=_("Title"), max_length=80)
    short_ko = _short(_("In short (the customer reads it)"))
    short_en = _short(_("In short (the customer reads it)"))
    allowed_ko, allowed_en = _text(ALLOWED), _text(ALLOWED)
    conditions_ko, conditions_en = _text(CONDITIONS), _text(CONDITIONS)
    cautions_ko, cautions_en = _text(CAUTIONS), _text(CAUTIONS)
    keywords_ko = KeywordsField(label=_("Keywords"), rows=14, help_text=KEYWORDS_HELP)
    keywords_en = KeywordsField(label=_("Keywords"), rows=14, help_text=KEYWORDS_HELP)
    sources = SourcesField(label=_("Sources"), rows=5, help_text=_("One a line: title | https address"))

    FRAME = ("code", "kind", "valid_from", "country", "max_quantity", "icon", "position", "is_active")
    PARTS = ("title", "short", "allowed", "conditions", "cautions", "keywords")

    def __init__(self, *said: Any, of: Restriction | None = None, **more: Any) -> None:
        super().__init__(*said, **more)
        self.of = of
        if of:
            del self.fields["code"]
        for name in self.fields:
            if name.endswith(("_ko", "_en")):
                self.fields[name].widget.attrs["lang"] = name[-2:]

    def clean(self) -> dict[str, Any]:
        said = self.cleaned_data
        said["country"] = said.get("country", "").upper()
        if not self.errors:
            for problem in restrictions.problems(self.version()):
                if problem.field in self.fields and problem.field not in self.errors:
                    self.add_error(problem.field, str(problem))
        return said

    def version(self) -> Restriction:
        """As it would be saved, for the preview."""
        fields = {**self.cleaned_data, "code": self.of.code if self.of else self.cleaned_data["code"]}
        return Restriction(**{**fields, "valid_from": fields["valid_from"] or now()})

    def frame(self) -> list[forms.BoundField]:
        return [self[name] for name in self.FRAME if name in self.fields]

    def pairs(self) -> Iterator[tuple[forms.BoundField, forms.BoundField]]:
        for part in self.PARTS:
            yield self[f"{part}_ko"], self[f"{part}_en"]


def as_typed(topic: Restriction) -> dict[str, Any]:
    names = (*restrictions.TEXTS, "kind", "country", "max_quantity", "icon", "position", "is_active")
    typed = {name: getattr(topic, name) for name in names}
    typed |= {name: keywords_as_typed(getattr(topic, name)) for name in ("keywords_ko", "keywords_en")}
    return typed | {"sources": "\n".join(f"{source['title']} {OR} {source['url']}" for source in topic.sources)}
