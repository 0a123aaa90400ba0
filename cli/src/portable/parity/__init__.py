"""The same requests to both targets, and what they answer differently."""
