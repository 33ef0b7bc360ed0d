"""Report -> text, json, jsonl, sarif, gitlab, csv, junit, github, markdown: one module a format, imported by name."""
