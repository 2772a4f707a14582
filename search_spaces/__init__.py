"""The searches that ship: one YAML file each, in a folder for its model."""
