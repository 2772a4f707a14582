"""Bodies of functions as the language writes them."""

from models.programs.language.from_source import source_to_ids
from models.programs.language.to_source import ids_to_source
from program_rules.reference import check_program


def canonical(*lines, head):
    """Read a function of these lines; return the lines of its body as they are written back."""
    program = source_to_ids(head + "".join(f"    {line}\n" for line in lines))
    check_program(program.ids)
    return [line[4:] for line in ids_to_source(program.ids, program.names).splitlines()[1:]]
