"""Rules: YAML into a RuleSet, patterns of other tools in, rules for other tools out.

Matching them is `tokenguard.scan`. Import from the modules: `assemble` (start-up), `load`, `check`, `gitleaks`.
"""
