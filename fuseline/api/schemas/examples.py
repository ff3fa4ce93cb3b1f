"""Examples in the OpenAPI; tests send each of them to a real API."""

from __future__ import annotations

from typing import Any

EXAMPLES: dict[str, list[Any]] = {
    "AgentCreate": [
        {
            "name": "billing-agent",
            "url": "https://billing.example.com/agent",
            "circuit_breaker_config": {
                "enabled": True,
                "failure_threshold": 5,
                "failure_rate_threshold": 0.5,
                "timeout_seconds": 60,
                "half_open_max_calls": 3,
                "window_size_seconds": 120,
            },
        }
    ],
    "AgentReplace": [
        {
            "url": "https://billing.example.com/agent",
            "description": "Invoices and refunds",
            "tags": ["payments", "eu"],
            "headers": {"Authorization": "Bearer ${env:BILLING_TOKEN}"},
            "circuit_breaker_config": {"failure_threshold": 3},
        }
    ],
    "AgentPatch": [
        {"circuit_breaker_config": {"failure_threshold": 3, "timeout_seconds": "default"}}
    ],
    "Override": [
        {"mode": "forced_open", "reason": "maintenance until 4", "expires_in_seconds": 600},
        {"mode": "auto", "reason": "maintenance is over", "reset": True},
    ],
    "ShadowAsk": [
        {"settings": {"failure_threshold": 3}, "reason": "stricter, before we switch"},
    ],
    "WhatIfAsk": [
        {"settings": {"failure_threshold": 3, "timeout_seconds": 30}, "since": "-7d"},
        {"settings": {"failure_rate_threshold": None}},
    ],
    "ProposalsAsk": [{"since": "-1d", "failure_cost": 5, "refusal_cost": 1}],
    "OutcomesRecord": [
        {
            "worker": "shop-7",
            "run": 1764121000,
            "sequence": 1,
            "outcomes": [
                {"ticket": "4", "result": "success", "duration_ms": 180},
                {
                    "ticket": "4",
                    "result": "failure",
                    "duration_ms": 210,
                    "failure_kind": "http_503",
                    "retry_after_seconds": 30,
                },
            ],
        }
    ],
    "TaskSubmit": [{"agent": "billing-agent", "payload": {"order": 17}}],
    "AlertChannel": [
        {
            "name": "billing-agent",
            "to": {
                "kind": "webhook",
                "url": "https://ops.example.com/hooks/fuseline",
                "secret": "${env:OPS_WEBHOOK_SECRET}",
            },
        }
    ],
    "AlertRule": [
        {
            "name": "billing-agent",
            "when": {"kind": "open_longer", "for_seconds": 300},
            "agents": ["billing-*"],
            "severity": "critical",
            "quiet_hours": [{"start": "22:00", "end": "07:00", "time_zone": "Europe/Berlin"}],
        }
    ],
    "TokenCreate": [{"name": "ci-deploy", "role": "operator", "expires_in_seconds": 7_776_000}],
}
