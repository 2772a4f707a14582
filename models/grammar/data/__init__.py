"""The grammars that ship, one YAML file each; `models.grammar.grammar.load_grammar` reads them."""
