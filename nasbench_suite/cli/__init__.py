"""The ``nasbench`` command: parse, call one function, print.

Results go to stdout, progress and messages to stderr. What the suite raises on purpose becomes one line and an exit
code in :func:`run_command`, and nowhere else. Heavy libraries are imported by the functions that need them.
"""

from __future__ import annotations

from typing import NoReturn

import click

from nasbench_suite import __version__
from nasbench_suite.cli.build import audit, build_table
from nasbench_suite.cli.describe import describe
from nasbench_suite.cli.listing import list_group, query
from nasbench_suite.cli.plugin import plugin
from nasbench_suite.cli.publishing import compare, merge, publish, serve, verify
from nasbench_suite.cli.running import leaderboard, run, run_all, status
from nasbench_suite.cli.streams import finish, prepare, say
from nasbench_suite.cli.table import table
from nasbench_suite.errors import SuiteError


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80})
@click.version_option(__version__, prog_name="nasbench")
def cli() -> None:
    """Compare neural architecture search strategies, fairly.

    \b
    nasbench run-all                 every strategy on the shipped benchmarks
    nasbench list strategies         what can be compared
    nasbench run random-search --benchmark nas-bench-201/cifar10 --budget 3d
    """


@cli.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the shell's completion script.

    \b
    Example:
      nasbench completion bash >> ~/.bashrc
    """
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    assert found is not None
    click.echo(found(cli, {}, "nasbench", "_NASBENCH_COMPLETE").source())


COMMANDS = (
    run,
    run_all,
    status,
    leaderboard,
    publish,
    verify,
    merge,
    compare,
    serve,
    query,
    describe,
    list_group,
    plugin,
    table,
)
for command in COMMANDS:
    cli.add_command(command)
for command in (build_table, audit):
    table.add_command(command)


def main() -> NoReturn:
    """Run the command line and end with its exit code (see :func:`run_command`)."""
    prepare()
    finish(run_command)


def run_command() -> int:
    """Run the command line and turn every expected error into one line and an exit code."""
    try:
        # Outside its standalone mode, click returns the code with which a command exits.
        code = cli.main(prog_name="nasbench", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx else "nasbench"
        say(f"error: {error.format_message()} (see {where} --help)")
        return error.exit_code
    except click.ClickException as error:
        say(f"error: {error.format_message()}")
        return error.exit_code
    except click.exceptions.Exit as leave:
        return leave.exit_code
    except (click.Abort, KeyboardInterrupt):
        return 130
    except SuiteError as error:
        say(f"error: {error}")
        return error.exit_code
    except BrokenPipeError:  # the reader of stdout, such as head, has seen enough
        return 0
    except OSError as error:  # a full disk, a directory in place of a file, a closed stream
        where = f": {error.filename}" if error.filename else ""
        say(f"error: {error.strerror or error}{where}")
        return 1
