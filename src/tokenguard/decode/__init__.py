"""What stands wrapped in a blob, unwrapped: one module a wrapping, listed in `tokenguard.decode.registry`."""
