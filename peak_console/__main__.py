"""``python -m peak_console`` is ``peak``."""

from peak_console.cli.entry import main

if __name__ == "__main__":
    main()
