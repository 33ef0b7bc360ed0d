"""The HTTP API over the store (docs/api.md). FastAPI and uvicorn are imported by the modules in here alone."""
