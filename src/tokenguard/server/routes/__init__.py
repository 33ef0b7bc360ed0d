"""The calls of the API, one file a resource. They read what is asked, call the store once, and answer."""
