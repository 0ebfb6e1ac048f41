"""What the simulated vendors offer and say: report names, export templates, groups, words of failure."""

from __future__ import annotations

SEVENG_FAILURES = (
    ("", "Distribution 2026-10 has not been finalised for product A01."),
    ("", "Execution Timeout Expired. The timeout period elapsed prior to completion of the operation."),
    ("", "Parameter 'ToDate' must not be earlier than 'FromDate'."),
    ("", "The unit price for 2026-11-14 is missing."),
)

SIGMA_REPORTS = {
    "AccountTransaction": "AccountTransaction",
    "CashPosition": "CashPosition",
    "AgedDebtors": "AgedDebtors",
    "GeneralLedger": "GeneralLedger",
    "FixedAssets": "FixedAssets",
    "TrialBalance": "TrialBalance",
    "Intercompany": "Intercompany",
}
SIGMA_GROUPS = {
    "MonthEndPack": ("AgedDebtors", "GeneralLedger", "FixedAssets", "TrialBalance", "Intercompany"),
    "TreasuryDaily": ("CashPosition", "AccountTransaction", "Intercompany"),
}
SIGMA_FAILURES = (
    ("208", "Invalid object name 'dbo.Accounts'."),
    (
        "1205",
        "Transaction was deadlocked on lock resources with another process and was chosen as the victim.",
    ),
    ("8134", "Divide by zero error encountered."),
    ("SIG-3012", "Data source CORE_DWH is not reachable."),
)

WEBADMIT_EXPORTS = (
    (86446, "Applicants, Fall 2027"),
    (86447, "Applicants, Spring 2027"),
    (86448, "Enrolled students"),
    (86449, "Test scores, all cycles"),
    (86450, "Letters of evaluation"),
    (86451, "Fee waivers"),
)
WEBADMIT_FAILURES = (("", ""),)

TALKDESK_TYPES = (
    "calls",
    "explore_calls",
    "audit_logs",
    "contacts",
    "ring_attempts",
    "user_status",
    "studio_flow_execution",
    "feedback_flow",
    "csat",
)
TALKDESK_FAILURES = (("", ""),)
