"""The dashboard: pages for people over the same store that the API has. Server-rendered; scripts only add comfort."""
