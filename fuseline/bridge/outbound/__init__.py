"""Which addresses the executor may connect to: the guard against server-side request forgery."""

from fuseline.bridge.outbound.policy import OutboundPolicy as OutboundPolicy
from fuseline.bridge.outbound.policy import OutboundRefusedError as OutboundRefusedError
