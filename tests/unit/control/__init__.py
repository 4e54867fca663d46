"""The control plane, on a real control database."""
