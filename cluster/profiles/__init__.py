"""Profiles of clusters that ship, a YAML file each; one of your own is named by its path."""
