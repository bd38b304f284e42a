"""What a series on an Exchange server is made of: patterns, ranges and zones, in the XML of EWS."""

from __future__ import annotations

from collections.abc import Mapping

from tests.servers.fake_ews_items import Raw

VIENNA = Raw('<t:StartTimeZone Id="W. Europe Standard Time" Name="(UTC+01:00) Amsterdam, Berlin, Bern, Rome, Vienna"/>')
NEW_YORK = Raw('<t:StartTimeZone Id="Eastern Standard Time"/>')
OWN = Raw(
    '<t:StartTimeZone Id="Customized Time Zone" Name="Customized Time Zone"><t:Periods>'
    '<t:Period Bias="-PT1H" Name="Standard" Id="std"/><t:Period Bias="-PT2H" Name="Daylight" Id="dlt"/></t:Periods>'
    '<t:TransitionsGroups><t:TransitionsGroup Id="0"><t:RecurringDayTransition><t:To Kind="Period">dlt</t:To>'
    "<t:TimeOffset>PT2H</t:TimeOffset><t:Month>3</t:Month><t:DayOfWeek>Sunday</t:DayOfWeek>"
    "<t:Occurrence>-1</t:Occurrence></t:RecurringDayTransition><t:RecurringDayTransition>"
    '<t:To Kind="Period">std</t:To><t:TimeOffset>PT3H</t:TimeOffset><t:Month>10</t:Month>'
    "<t:DayOfWeek>Sunday</t:DayOfWeek><t:Occurrence>-1</t:Occurrence></t:RecurringDayTransition></t:TransitionsGroup>"
    '</t:TransitionsGroups><t:Transitions><t:Transition><t:To Kind="Group">0</t:To></t:Transition></t:Transitions>'
    "</t:StartTimeZone>"
)
FOR_EVER = "<t:NoEndRecurrence><t:StartDate>2026-09-07</t:StartDate></t:NoEndRecurrence>"
MONDAYS = (
    "<t:WeeklyRecurrence><t:Interval>1</t:Interval><t:DaysOfWeek>Monday</t:DaysOfWeek>"
    "<t:FirstDayOfWeek>Monday</t:FirstDayOfWeek></t:WeeklyRecurrence>"
)
PATTERNS: Mapping[str, list[str]] = {
    ("<t:DailyRecurrence><t:Interval>3</t:Interval></t:DailyRecurrence>"): ["08-31", "09-03", "09-06"],
    (
        "<t:WeeklyRecurrence><t:Interval>2</t:Interval><t:DaysOfWeek>Monday Sunday</t:DaysOfWeek>"
        "<t:FirstDayOfWeek>Sunday</t:FirstDayOfWeek></t:WeeklyRecurrence>"
    ): ["08-31", "09-13", "09-14"],
    (
        "<t:AbsoluteMonthlyRecurrence><t:Interval>1</t:Interval><t:DayOfMonth>31</t:DayOfMonth>"
        "</t:AbsoluteMonthlyRecurrence>"
    ): ["08-31", "09-30", "10-31"],
    (
        "<t:RelativeMonthlyRecurrence><t:Interval>1</t:Interval><t:DaysOfWeek>Weekday</t:DaysOfWeek>"
        "<t:DayOfWeekIndex>Last</t:DayOfWeekIndex></t:RelativeMonthlyRecurrence>"
    ): ["08-31", "09-30", "10-30"],
    (
        "<t:RelativeMonthlyRecurrence><t:Interval>1</t:Interval><t:DaysOfWeek>Monday</t:DaysOfWeek>"
        "<t:DayOfWeekIndex>Last</t:DayOfWeekIndex></t:RelativeMonthlyRecurrence>"
    ): ["08-31", "09-28", "10-26"],
    (
        "<t:AbsoluteYearlyRecurrence><t:DayOfMonth>31</t:DayOfMonth><t:Month>August</t:Month>"
        "</t:AbsoluteYearlyRecurrence>"
    ): ["08-31"],
    (
        "<t:RelativeYearlyRecurrence><t:DaysOfWeek>Monday</t:DaysOfWeek><t:DayOfWeekIndex>"
        "Last</t:DayOfWeekIndex><t:Month>August</t:Month></t:RelativeYearlyRecurrence>"
    ): ["08-31"],
}
"""A pattern -> its first three days, or as many as there are in the window."""
