"""What was done, in words for people; the audit's page has the API's name of each beside them."""

from __future__ import annotations

from tokenguard.store.audit import Action

WORDS: dict[str, str] = {
    Action.STORE_INITIALISED: "Store made",
    Action.TOKEN_CREATED: "Key created",
    Action.TOKEN_ROTATED: "Key rotated",
    Action.TOKEN_REVOKED: "Key revoked",
    Action.ROTATED_TWICE: "Key rotated a second time, a sign of theft",
    Action.HONEYTOKEN_USED: "Honeytoken used",
    Action.TOKEN_EXPIRING: "Owner told that the key expires soon",
    Action.TOKEN_IDLE: "Owner warned that the key is not used",
    Action.TOKEN_SHORTENED: "Expiry brought forward by the policy",
    Action.DELIVERY_DEAD: "Notification given up",
    Action.LEAK_REPORTED: "Leak reported",
    Action.LEAK_RESOLVED: "Leak resolved",
    Action.USER_CREATED: "User added",
    Action.USER_CHANGED: "User changed",
    Action.ROLE_CREATED: "Role added",
    Action.ROLE_CHANGED: "Role changed",
    Action.ROLE_DELETED: "Role deleted",
    Action.SIGNED_IN: "Signed in",
    Action.SIGNED_OUT: "Signed out",
}


def happened(action: str) -> str:
    """An event's name for people; of a newer store it may be one that is not known here."""
    return WORDS.get(action, action)
