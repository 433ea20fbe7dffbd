"""What `policies.prove` is made of: people, hours and states that stand for all others, and the
invariants that are asked of them.
"""
