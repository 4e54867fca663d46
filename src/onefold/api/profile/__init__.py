"""Profile access over HTTP: `/data/core/ups/...`. Source: profile contract."""
