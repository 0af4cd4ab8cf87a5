"""The ground: vocabulary that every room may import. Pure; no input or output."""
