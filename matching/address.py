"""When two spellings are one address: the one place that says so, for matching, never-log lists and erasure alike.

A key is for comparing only; what is shown and stored of a participant is the address as written.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Set
from functools import lru_cache

import idna

_FREE_MAIL = """
126.com 139.com 163.com abv.bg alice.it aliceadsl.fr aol.co.uk aol.com aol.de aol.fr arcor.de arnet.com.ar att.net
bell.net bellsouth.net bezeqint.net bigpond.com bigpond.net.au bluewin.ch blueyonder.co.uk bol.com.br bredband.net
btinternet.com btopenworld.com centrum.cz charter.net chello.at chello.nl club-internet.fr comcast.net cox.net
daum.net duck.com earthlink.net eircom.net email.com email.cz email.de fastmail.com fastmail.fm fibertel.com.ar
foxmail.com free.fr freemail.hu freenet.de frontier.com frontiernet.net gmail.com gmx.at gmx.ch gmx.com gmx.de gmx.fr
gmx.net hanmail.net hetnet.nl hey.com home.nl hotmail.be hotmail.ca hotmail.co.jp hotmail.co.uk hotmail.com
hotmail.com.ar hotmail.com.br hotmail.de hotmail.es hotmail.fr hotmail.it hotmail.nl hotmail.se hushmail.com
icloud.com ig.com.br iinet.net.au inbox.com inbox.lv inbox.ru interia.pl juno.com kabelmail.de keemail.me kolabnow.com
kpnmail.nl laposte.net libero.it list.ru live.at live.be live.ca live.cn live.co.uk live.co.za live.com live.com.au
live.com.mx live.com.pt live.de live.dk live.fr live.it live.nl live.no live.se luukku.com lycos.com mac.com mail.bg
mail.com mail.de mail.ee mail.ru mailbox.org me.com msn.com nate.com naver.com neuf.fr ntlworld.com numericable.fr
o2.pl o2online.de onet.eu onet.pl online.de online.no op.pl optonline.net optusnet.com.au orange.es orange.fr
outlook.at outlook.be outlook.co.id outlook.com outlook.com.br outlook.cz outlook.de outlook.dk outlook.es outlook.fr
outlook.ie outlook.it outlook.jp outlook.pt passport.com planet.nl pm.me pobox.com posta.hu posteo.de posteo.net
prodigy.net.mx proton.me protonmail.ch protonmail.com qq.com rambler.ru rediffmail.com rocketmail.com rogers.com
runbox.com sapo.pt sbcglobal.net seznam.cz sfr.fr shaw.ca sina.cn sina.com sky.com skynet.be sohu.com speedy.com.ar
swbell.net sympatico.ca t-online.de talktalk.net telefonica.net telenet.be telia.com telus.net terra.com.br terra.es
tin.it tiscali.co.uk tiscali.it tlen.pl tuta.com tuta.io tutamail.com tutanota.com tutanota.de ukr.net uol.com.br
usa.net verizon.net videotron.ca virgilio.it virgin.net virginmedia.com vodafone.de voila.fr volny.cz vp.pl
walla.co.il walla.com wanadoo.es wanadoo.fr web.de windstream.net wp.pl xs4all.nl xtra.co.nz ya.ru yahoo.ca
yahoo.co.id yahoo.co.in yahoo.co.jp yahoo.co.kr yahoo.co.nz yahoo.co.uk yahoo.co.za yahoo.com yahoo.com.ar
yahoo.com.au yahoo.com.br yahoo.com.cn yahoo.com.hk yahoo.com.mx yahoo.com.my yahoo.com.ph yahoo.com.sg yahoo.com.tr
yahoo.com.tw yahoo.com.vn yahoo.de yahoo.dk yahoo.es yahoo.fr yahoo.gr yahoo.ie yahoo.in yahoo.it yahoo.nl yahoo.no
yahoo.pl yahoo.ro yahoo.se yandex.com yandex.ru yeah.net ymail.com ziggo.nl zoho.com zohomail.com
"""

FREE_MAIL = frozenset(_FREE_MAIL.split())
"""Domains where a shared domain says nothing about a shared employer."""

# RFC 3696 allows 320 characters; a longer raw text may still shrink to that by its tag and its blanks.
_LONGEST_KEY = 320
_LONGEST_TEXT = 1000

# Nearly all are, and their key is the lower case of them; one that may be Gmail's is not.
_PLAIN = re.compile(r"[A-Za-z0-9._-]+@(?![Gg])[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")
_LOCAL = re.compile(r'[^\s<>()\[\]"\\,:;@]+|"(?:[^"\\]|\\.)*"')
_NEEDLESSLY_QUOTED = re.compile(r'"([^\s<>()\[\]"\\,:;@]+)"')
_DOMAIN = re.compile(r"[^\s<>()\[\]\"\\,:;@./?#]+(?:\.[^\s<>()\[\]\"\\,:;@./?#]+)*|\[[^\s<>\[\]\\@]+\]")
# What a person writes for a domain: `@example.com`, `*.example.com`, `https://www.example.com/about`.
_AROUND_A_DOMAIN = re.compile(
    r"^(?:[a-z][a-z0-9+.-]*://)?(?:\*?[@.])?(?:www\.(?=[^.]+\.))?|[/?#:].*", re.DOTALL | re.IGNORECASE
)

# RFC 3490 section 3.1: these separate labels as the full stop does.
_FULL_STOPS = str.maketrans("\u3002\uff0e\uff61", "...")


def key(address: str) -> str:
    """What all spellings of one address have in common; empty if it is no address. Never raises.

    Upper and lower case, IDN spellings, invisible characters, needless quotes, a `+tag` and, at Gmail, dots do not
    tell two addresses apart. A key is its own key.
    """
    return _key(address) if len(address) <= _LONGEST_TEXT else ""


@lru_cache(maxsize=32768)
def _key(address: str) -> str:
    if len(address) <= _LONGEST_KEY and _PLAIN.fullmatch(address):
        return address.lower()
    local, _, domain = _visible(address).rpartition("@")
    local = _NEEDLESSLY_QUOTED.sub(r"\1", _fold(local))
    domain = _a_labels(domain)
    if not domain or not _LOCAL.fullmatch(local):
        return ""
    if not local.startswith('"'):
        local = local.partition("+")[0] or local
        if domain == "gmail.com":
            local = local.replace(".", "") or local
    found = f"{local}@{domain}"
    return found if len(found) <= _LONGEST_KEY else ""


def domain_key(domain: str) -> str:
    """What all spellings of one domain have in common; empty if it is none. Reads `@example.com` and URLs too."""
    return _a_labels(_AROUND_A_DOMAIN.sub("", _visible(domain))) if len(domain) <= _LONGEST_TEXT else ""


def domain_of(key: str) -> str:
    """The domain of an address key, itself a domain key."""
    return key.rpartition("@")[2]


def within(domain: str, domains: Set[str]) -> bool:
    """`domain` is one of `domains` or a sub-domain of one (all of them domain keys)."""
    return not domains.isdisjoint(lineage(domain))


@lru_cache(maxsize=8192)
def lineage(domain: str) -> tuple[str, ...]:
    """The domain and its parents, nearest first, without the top level; a domain of one label is its own."""
    labels = domain.split(".")
    return tuple(".".join(labels[start:]) for start in range(max(1, len(labels) - 1))) if domain else ()


def _visible(text: str) -> str:
    """Without blanks around it and the invisible characters (category Cf) that pasting brings; empty if unprintable."""
    text = text.strip()
    if not text.isascii():
        text = "".join(each for each in text if unicodedata.category(each) != "Cf").strip()
    return text if text.isprintable() else ""


def _fold(text: str) -> str:
    """Caseless and composed (RFC 6532 section 3.1 asks for NFC)."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", text).casefold())


@lru_cache(maxsize=8192)
def _a_labels(domain: str) -> str:
    domain = domain.lower()
    if not domain.isascii():
        domain = _encoded(unicodedata.normalize("NFC", domain).translate(_FULL_STOPS))
    domain = domain.rstrip(".")
    if not _DOMAIN.fullmatch(domain):
        return ""
    return "gmail.com" if domain == "googlemail.com" else domain


def _encoded(domain: str) -> str:
    """The A-labels of UTS 46; of what IDNA 2008 refuses (an emoji domain) the plain Punycode that registries sold."""
    try:
        return idna.encode(domain, uts46=True).decode("ascii")
    except UnicodeError:
        return ".".join(map(_plain_punycode, domain.split(".")))


def _plain_punycode(label: str) -> str:
    return label if label.isascii() else f"xn--{label.encode('punycode').decode('ascii').lower()}"
