"""From a TOML file to a checked Spec: positions, references, `--set`, and one line for every problem."""
