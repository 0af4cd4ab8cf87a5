"""``python -m peak_console.node --root ROOT``: the node in the foreground."""

from peak_console.operations.garbage import collect_seldom


def main() -> None:
    """Run the node; what it is made of is loaded behind the first line."""
    collect_seldom()
    from peak_console.node.foreground import main as serve  # noqa: PLC0415 - see there

    serve()


if __name__ == "__main__":
    main()
