"""The `roundtable` command."""

import sys
from importlib import import_module
from typing import Any

from deploy import PORT_OFFSETS, CannotRunError

# Every command, and where it is defined: a function, or a typer app of sub-commands. Read only when it is asked for.
COMMANDS = {
    "up": "deploy.cli_system:up",
    "demo": "deploy.cli_system:demo",
    "status": "deploy.cli_system:status",
    "logs": "deploy.cli_logs:logs",
    "down": "deploy.cli_system:down",
    "token": "deploy.cli_tokens:token",
    "client": "deploy.cli_tokens:client",
    "issuer": "deploy.cli_tokens:issuer",
    "import": "deploy.cli_import:import_source",
    "import-open-referral": "deploy.cli_import_open_referral:import_open_referral",
    "export": "deploy.cli_export:exporting",
    "rebuild": "deploy.cli_rebuild:rebuild",
    "dead-letters": "deploy.cli_letters:letters",
    "erase": "deploy.cli_erase:erasures",
    "audit": "deploy.cli_letters:audit",
    "migrate": "deploy.cli_migrate:migrate",
    "draft-migration": "deploy.cli_migrate:draft_migration",
    "serve": "deploy.cli_system:serve",
    "work": "deploy.cli_system:work",
    "version": "deploy.cli_system:version",
}


def main() -> None:
    """Run the command that the command line names."""
    match sys.argv[1:]:
        case ["serve" | "work" as verb, service] if service in PORT_OFFSETS:  # a service needs nothing of what follows
            getattr(import_module("deploy.serve"), verb)(service)
        case [name, *_] if name in COMMANDS:
            _run(name)
        case _:
            _run(*COMMANDS)


def _run(*names: str) -> None:
    """Run the program that has these commands; what cannot be done is said in a sentence."""
    try:
        _program(*names)()
    except CannotRunError as refusal:
        sys.exit(str(refusal))


def _program(*names: str) -> Any:  # noqa: ANN401 - typer is not imported before it is needed
    import typer  # noqa: PLC0415

    program = typer.Typer(
        name="roundtable", no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False
    )

    @program.callback()
    def roundtable() -> None:
        """Run Roundtable on this machine, and look after it.

        State is kept in ROUNDTABLE_HOME (default .roundtable); ports count from ROUNDTABLE_PORT_BASE (default 8000).
        """

    for name in names:
        module, _, attribute = COMMANDS[name].partition(":")
        command = getattr(import_module(module), attribute)
        if isinstance(command, typer.Typer):
            program.add_typer(command, name=name)
        else:
            program.command(name)(command)
    return program


if __name__ == "__main__":
    main()
