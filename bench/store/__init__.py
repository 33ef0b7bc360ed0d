"""What is measured on the token store: programs that run as contestants, and the servers that they ask.

Their tokens are worked out from a seed, on both sides, so that none is in a file, an argument list or a record.
"""
