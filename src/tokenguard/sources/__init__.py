"""Where content comes from: files, shell histories, texts in git objects -> `Blob` or `Skipped`; no rules here."""
