"""What is fast, measured against others: `python -m bench --repo PATH`, by hand `make bench REPO=PATH`."""
