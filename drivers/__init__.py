"""How devices are spoken to. Drivers never import each other; they plug in by entry point."""
