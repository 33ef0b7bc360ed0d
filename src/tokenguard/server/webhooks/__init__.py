"""Leaked tokens as forges hand them in: signed alerts of GitHub and GitLab, and GitLab's revocation receiver."""
