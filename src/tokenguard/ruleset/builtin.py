"""The built-in rules as plain data. Generated from `rules/*.yaml`; do not edit.

To write it anew: `python -m tokenguard.ruleset.generate`.
"""
# ruff: noqa: E501, Q003
# fmt: off

from __future__ import annotations

from tokenguard.model import Part, Rule, Severity, TokenFormat

RULES = (
    Rule(
        id="binboi-access-token",
        title="Binboi access token",
        severity=Severity.CRITICAL,
        pattern="binboi_pat_[0-9a-f]{8}_[0-9a-f]{36}(?![0-9A-Za-z])",
        sieve="binboi_pat_[0-9a-f]{8}_[0-9a-f]{36}(?:[^0-9A-Za-z]|\\z)",
        max_length=56,
        description="A Binboi access token acts for its user in the control-plane API and in every tunnel: who has it can list, create and revoke tokens and publish under the user's names.",
        remediation="Revoke it now in the Binboi dashboard (the visible prefix finds it in the list); that is immediate and for good. Then create a new token, put it where only the program that needs it can read it, and remove the old one from the history that it leaked in.",
        token=TokenFormat(
            prefix="binboi_pat_",
            parts=(
                Part(
                    alphabet="0123456789abcdef",
                    length=8,
                ),
                Part(
                    literal="_",
                ),
                Part(
                    alphabet="0123456789abcdef",
                    length=36,
                ),
            ),
            visible_prefix=19,
            random_bits=176.0,
        ),
        literal_prefix="binboi_pat_",
        visible_prefix=19,
        random_bits=176.0,
        sample_hashes=frozenset({
            "01bc2316cdb60ff907d27ee3027f925ceb91da4791fa775f14df66850734a4d2",
            "204e73edd8e8afbd6ada30eb1e1995d3b69fe2f5ff5038acfea1f00d21b75460",
            "3ed0616e699467525a2f54cc5666e339c86b26c204c4bd566c1e03c2ff1bb41b",
        }),
        examples=(
            "BINBOI_AUTH_TOKEN={token}",
            "binboi login --token {token}",
            "{\"server_addr\": \"tunnel.example.org:8081\", \"token\": \"{token}\"}",
            "Authorization: Bearer {token}",
            "printf \"\\n{token}\\n\" > token.txt",
            "https://example.org/?next=x%0A{token}",
            "mail body, quoted-printable: token=3D{token}",
            "x{token}",
            "{token}_old",
            "{token}-{token}",
        ),
        negative_examples=(
            "binboi_pat_test_secret",
            "binboi_pat_env_secret",
            "binboi_pat_xxxxxxxx_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            "binboi_pat_a1b2c3d4_x9y8z7w6v5u4t3s2r1q0p9o8n7m6l5k4",
            "binboi_pat_...",
            "binboi_pat_<8 hex>_<36 hex>",
            "binboi_pat_2e9c4d93",
            "{token}a",
            "{token}0",
            "{token}z",
            "{token}A",
            "binboi_pat_2e9c4d93_0123456789abcdef0123456789abcdef012",
            "binboi_pat_2e9c4d9_0123456789abcdef0123456789abcdef0123",
            "BINBOI_PAT_2E9C4D93_0123456789ABCDEF0123456789ABCDEF0123",
            "binboi_pat_2E9C4D93_0123456789ABCDEF0123456789ABCDEF0123",
            "binboi_pat_2e9c4d93-0123456789abcdef0123456789abcdef0123",
        ),
        samples=(
            "binboi_pat_a1b2c3d4_0123456789abcdef0123456789abcdef0123",
            "binboi_pat_a91f0b3e_4d5e6f708192a3b4c5d6e7f80910a2b3c4d5",
            "binboi_pat_7337cc8b_95cc41b4131fad19a68964de9dccdf81ff06",
        ),
        source="rules/binboi.yaml:3",
    ),
    Rule(
        id="binboi-live-token",
        title="Binboi relay token",
        severity=Severity.HIGH,
        pattern="binboi_live_[0-9a-f]{32}(?![0-9A-Za-z])",
        sieve="binboi_live_[0-9a-f]{32}(?:[^0-9A-Za-z]|\\z)",
        max_length=44,
        description="A Binboi relay token of the preview mode opens tunnels in its owner's name: who has it can receive the traffic that is meant for the owner's address.",
        remediation="Revoke it now in the Binboi dashboard and restart the relay with a new one. Then remove the old one from the history that it leaked in.",
        token=TokenFormat(
            prefix="binboi_live_",
            parts=(
                Part(
                    alphabet="0123456789abcdef",
                    length=32,
                ),
            ),
            visible_prefix=16,
            random_bits=128.0,
        ),
        literal_prefix="binboi_live_",
        visible_prefix=16,
        random_bits=128.0,
        examples=(
            "BINBOI_TOKEN={token}",
            "token: \"{token}\"",
            "printf \"\\n{token}\\n\"",
            "a=1%0A{token}",
            "x=3D{token}",
            "({token})",
        ),
        negative_examples=(
            "binboi_live_...",
            "binboi_live_test_secret",
            "binboi_live_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            "binboi_live_a1b2",
            "{token}a",
            "{token}0",
            "{token}Z",
            "binboi_live_0123456789abcdef0123456789abcde",
            "BINBOI_LIVE_0123456789ABCDEF0123456789ABCDEF",
            "binboi_live_0123456789ABCDEF0123456789ABCDEF",
        ),
        source="rules/binboi.yaml:57",
    ),
    Rule(
        id="keebai-api-key",
        title="Keebai API key",
        severity=Severity.CRITICAL,
        pattern="kbai_pk_[0-9a-f]{64}(?![0-9A-Za-z])",
        sieve="kbai_pk_[0-9a-f]{64}(?:[^0-9A-Za-z]|\\z)",
        max_length=72,
        description="A Keebai API key acts as the user who created it, within the scopes chosen then: who has it can send messages to customers in the tenant's name and read what they answer.",
        remediation="Revoke it now under Developer, API Tokens (the permission developer.manage_tokens is needed); at the limit of ten active tokens that also makes room for its successor. Create one token an integration, with an expiry date, and look at Last used for calls that were not yours.",
        token=TokenFormat(
            prefix="kbai_pk_",
            parts=(
                Part(
                    alphabet="0123456789abcdef",
                    length=64,
                ),
            ),
            visible_prefix=12,
            random_bits=256.0,
        ),
        literal_prefix="kbai_pk_",
        visible_prefix=12,
        random_bits=256.0,
        examples=(
            "KEEBAI_API_KEY={token}",
            "Authorization: Bearer {token}",
            "curl -H \"Authorization: Bearer {token}\" https://api.example.org/v1/me",
            "printf \"\\n{token}\\n\"",
            "key=x%0A{token}",
            "key=3D{token}",
            "{token}.",
        ),
        negative_examples=(
            "kbai_pk_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            "kbai_pk_xxxx...",
            "kbai_pk_a1b2c3d4e5f6...0123456789abcdef",
            "kbai_pk_a1b2",
            "{token}a",
            "{token}0",
            "{token}Z",
            "kbai_pk_0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde",
            "KBAI_PK_0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF",
            "kbai_pk_0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF",
        ),
        source="rules/keebai.yaml:3",
    ),
)

DIGEST = "sha256:c7b7a4ddb6268e6e8911205881f5d0d8e9750cec6b861fca01658c9eb4cb6250"
