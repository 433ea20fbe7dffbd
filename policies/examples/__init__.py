"""Example policies as data; read them with `importlib.resources.files("policies.examples")`."""
