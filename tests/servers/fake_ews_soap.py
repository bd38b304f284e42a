"""The SOAP that Exchange answers with: envelopes, response messages, faults, and what Autodiscover tells."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from xml.sax.saxutils import escape

NS = {
    "s": "http://schemas.xmlsoap.org/soap/envelope/",
    "m": "http://schemas.microsoft.com/exchange/services/2006/messages",
    "t": "http://schemas.microsoft.com/exchange/services/2006/types",
    "e": "http://schemas.microsoft.com/exchange/services/2006/errors",
    "a": "http://schemas.microsoft.com/exchange/2010/Autodiscover",
}


class Fault(Exception):
    """A SOAP fault, or the failure of one of the things that are asked for."""

    def __init__(self, code: str, words: str = "", *, back_off: int | None = None) -> None:
        super().__init__(words or code)
        self.code = code
        self.back_off = back_off


def synced(state: str, last: str, is_last: bool, changes: str) -> str:
    flag = str(is_last).lower()
    return f"<m:SyncState>{state}</m:SyncState><m:{last}>{flag}</m:{last}><m:Changes>{changes}</m:Changes>"


_HOLDS = {"GetItem": "<m:Items/>", "GetFolder": "<m:Folders/>"}
"""What the answer holds, also when it is nothing."""


def message(name: str, answer: Callable[[], str]) -> str:
    """A response message, of success or failure."""
    try:
        content, code, kind, words = answer(), "NoError", "Success", ""
    except Fault as fault:
        content, code, kind = "", fault.code, "Error"
        words = f"<m:MessageText>{escape(str(fault))}</m:MessageText>"
        if fault.back_off is not None:
            value = f'<t:Value Name="BackOffMilliseconds">{fault.back_off}</t:Value>'
            content = f"<m:DescriptiveLinkKey>0</m:DescriptiveLinkKey><m:MessageXml>{value}</m:MessageXml>"
        content += _HOLDS.get(name, "")
    head = f"{words}<m:ResponseCode>{code}</m:ResponseCode>"
    return f'<m:{name}ResponseMessage ResponseClass="{kind}">{head}{content}</m:{name}ResponseMessage>'


def envelope(name: str, messages: str) -> str:
    spaces = " ".join(f'xmlns:{each}="{NS[each]}"' for each in ("s", "m", "t"))
    version = (
        '<t:ServerVersionInfo MajorVersion="15" MinorVersion="1" MajorBuildNumber="2507" MinorBuildNumber="6" '
        'Version="V2017_07_11"/>'
    )
    body = f"<m:{name}Response><m:ResponseMessages>{messages}</m:ResponseMessages></m:{name}Response>"
    return f"<s:Envelope {spaces}><s:Header>{version}</s:Header><s:Body>{body}</s:Body></s:Envelope>"


def fault(fault: Fault) -> str:
    value = ""
    if fault.back_off is not None:
        wait = f'<t:Value Name="BackOffMilliseconds">{fault.back_off}</t:Value>'
        value = f'<t:MessageXml xmlns:t="{NS["t"]}">{wait}</t:MessageXml>'
    detail = f'<e:ResponseCode xmlns:e="{NS["e"]}">{fault.code}</e:ResponseCode>'
    detail += f'<e:Message xmlns:e="{NS["e"]}">{escape(str(fault))}</e:Message>{value}'
    body = (
        f"<s:Fault><faultcode>a:{fault.code}</faultcode><faultstring>{escape(str(fault))}</faultstring>"
        f"<detail>{detail}</detail></s:Fault>"
    )
    return f'<s:Envelope xmlns:s="{NS["s"]}"><s:Body>{body}</s:Body></s:Envelope>'


def discovered(kind: str, where: str, settings: Mapping[str, str]) -> str:
    redirect = f"<RedirectTarget>{escape(where)}</RedirectTarget>" if where else "<RedirectTarget/>"
    each = "".join(
        f'<UserSetting xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:type="StringSetting"><Name>{name}</Name>'
        f"<Value>{escape(value)}</Value></UserSetting>"
        for name, value in settings.items()
    )
    user = (
        f"<UserResponse><ErrorCode>{kind}</ErrorCode><ErrorMessage>{kind}</ErrorMessage>{redirect}"
        f"<UserSettingErrors/><UserSettings>{each}</UserSettings></UserResponse>"
    )
    return (
        f'<s:Envelope xmlns:s="{NS["s"]}"><s:Header/><s:Body>'
        f'<GetUserSettingsResponseMessage xmlns="{NS["a"]}"><Response>'
        f"<ErrorCode>NoError</ErrorCode><ErrorMessage/><UserResponses>{user}</UserResponses></Response>"
        "</GetUserSettingsResponseMessage></s:Body></s:Envelope>"
    )
