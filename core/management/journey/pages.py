"""What a person sees of an HTML page: forms with their fields and buttons, links, the order's move buttons, and what is said in alerts."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin

from core.management.journey.steps import Failed

VOID = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"})
Attributes = dict[str, str]


@dataclass
class Words:
    """An element and the text inside it."""

    attributes: Attributes
    parts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return " ".join("".join(self.parts).split())


@dataclass
class Field:
    """One control. Of radio buttons and check boxes each is a field of its own; a select has `options`."""

    name: str
    kind: str
    value: str
    checked: bool = True
    options: list[str] = field(default_factory=list)

    @property
    def is_box(self) -> bool:
        return self.kind in ("radio", "checkbox")


@dataclass(frozen=True)
class Upload:
    """A file that somebody chose."""

    field: str
    file_name: str
    content_type: str
    content: bytes


class Form:
    def __init__(self, action: str, method: str, kind: str = "") -> None:
        self.action = action
        self.method = method
        self.takes_files = kind == "multipart/form-data"
        self.fields: list[Field] = []
        self.buttons: list[Attributes] = []
        self.uploads: list[Upload] = []

    def names(self, start: str) -> list[str]:
        """The names that begin so, each once, in the order of the page: `price_krw-` -> price_krw-7, price_krw-9."""
        return list(dict.fromkeys(found.name for found in self.fields if found.name.startswith(start)))

    def value(self, name: str) -> str:
        return next((found.value for found in self._of(name) if found.checked), "")

    def fill(self, name: str, value: object) -> None:
        fields, text = self._of(name), str(value)
        if fields[0].is_box:
            self.tick(name, [text])
        elif fields[0].options and text not in fields[0].options:
            raise Failed(f"“{name}” does not offer “{text}”")
        else:
            fields[0].value = text

    def fill_each(self, start: str, values: Iterable[object]) -> None:
        """One value for each field of that kind, in the order of the page."""
        for name, value in zip(self.names(start), values, strict=True):
            self.fill(name, value)

    def tick(self, name: str, values: Iterable[str]) -> None:
        """Exactly these boxes of that name."""
        wanted, fields = set(values), self._of(name)
        if missing := wanted - {found.value for found in fields}:
            raise Failed(f"“{name}” does not offer {', '.join(sorted(missing))}")
        for found in fields:
            found.checked = found.value in wanted

    def attach(self, name: str, file_name: str, content_type: str, content: bytes) -> None:
        if self._of(name)[0].kind != "file" or not self.takes_files:
            raise Failed(f"the form {self.action} takes no file as “{name}”")
        self.uploads.append(Upload(name, file_name, content_type, content))

    def pairs(self, press: tuple[str, str] | None = None) -> list[tuple[str, str]]:
        """What a browser would send; `press` is the name and value of the button, where it has one."""
        if press and not any((button.get("name"), button.get("value")) == press for button in self.buttons):
            raise Failed(f"the form {self.action} has no button “{press[0]}={press[1]}”")
        sent = [(found.name, found.value) for found in self.fields if found.checked and found.kind != "file"]
        return [*sent, press] if press else sent

    def _of(self, name: str) -> list[Field]:
        found = [one for one in self.fields if one.name == name]
        if not found:
            raise Failed(f"the form {self.action} has no field “{name}”")
        return found


class Page:
    """One answer, as far as it is HTML."""

    def __init__(self, url: str, status: int, html: str) -> None:
        self.url, self.status = url, status
        reader = _Reader()
        reader.feed(html)
        reader.close()
        self.forms, self.refreshes = reader.forms, reader.refreshes
        self._words = reader.words

    def form(self, end: str) -> Form:
        """The first form whose action ends so."""
        return self.forms_to(end)[0]

    def forms_to(self, end: str) -> list[Form]:
        found = [form for form in self.forms if form.action.endswith(end)]
        if not found:
            raise Failed(f"no form that leads to …{end} on {self.url}{self._said()}")
        return found

    def marked(self, attribute: str, value: str) -> Words | None:
        """The element that carries `attribute="value"`."""
        return next((words for words in self._words if words.attributes.get(attribute) == value), None)

    def link(self, text: str) -> str:
        """The address behind a link with just this text, else empty."""
        found = (words for words in self._words if words.text == text and "href" in words.attributes)
        return next((self.absolute(words.attributes["href"]) for words in found), "")

    def absolute(self, href: str) -> str:
        return urljoin(self.url, href)

    @property
    def alerts(self) -> list[str]:
        return [words.text for words in self._words if words.attributes.get("role") == "alert" and words.text]

    def expect(self, what: str) -> "Page":
        """Fails with what the page says, where it is not a good one."""
        if self.status != 200:
            raise Failed(f"{what} answered {self.status}{self._said()}")
        return self

    def _said(self) -> str:
        return f": {' / '.join(self.alerts)}" if self.alerts else ""


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.words: list[Words] = []
        self.refreshes = False
        self._form: Form | None = None
        self._select: Field | None = None
        self._area: tuple[Field, Words] | None = None
        self._open: list[tuple[str, Words]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        words = Words(attributes)
        if tag not in VOID:
            self._open.append((tag, words))
        if tag == "a" or "role" in attributes or any(name.startswith("data-") for name in attributes):
            self.words.append(words)
        if tag == "meta" and attributes.get("http-equiv") == "refresh":
            self.refreshes = True
        elif tag == "form":
            self._form = Form(attributes.get("action", ""), attributes.get("method", "get").lower(), attributes.get("enctype", ""))
            self.forms.append(self._form)
        elif self._form is not None:
            self._control(self._form, tag, attributes, words)

    def _control(self, form: Form, tag: str, attributes: Attributes, words: Words) -> None:
        name, value = attributes.get("name", ""), attributes.get("value", "")
        if tag == "button":
            form.buttons.append(attributes)
        elif tag == "option" and self._select is not None:
            self._option(self._select, value, chosen="selected" in attributes)
        elif not name or "disabled" in attributes:
            return
        elif tag == "input" and attributes.get("type") in ("submit", "button", "image"):
            form.buttons.append(attributes)
        elif tag == "input":
            form.fields.append(_input(name, attributes))
        elif tag in ("select", "textarea"):
            control = Field(name, tag, "")
            form.fields.append(control)
            self._select, self._area = (control, None) if tag == "select" else (None, (control, words))

    @staticmethod
    def _option(select: Field, value: str, *, chosen: bool) -> None:
        if chosen or not select.options:
            select.value = value
        select.options.append(value)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag == "select":
            self._select = None
        elif tag == "textarea" and self._area is not None:
            control, words = self._area
            control.value, self._area = "".join(words.parts).removeprefix("\n"), None
        for place in range(len(self._open) - 1, -1, -1):
            if self._open[place][0] == tag:
                del self._open[place:]
                return

    def handle_data(self, data: str) -> None:
        for _tag, words in self._open:
            words.parts.append(data)


def _input(name: str, attributes: Attributes) -> Field:
    kind = attributes.get("type", "text")
    is_box = kind in ("radio", "checkbox")
    value = attributes.get("value", "on" if is_box else "")
    return Field(name, kind, value, checked=not is_box or "checked" in attributes)
