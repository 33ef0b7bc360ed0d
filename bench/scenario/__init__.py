"""One file a scenario: who runs, on what, and which limits are to hold."""
