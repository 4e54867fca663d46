"""The Flow Service: `/data/foundation/flowservice/...`. Source: platform contract, 9."""
