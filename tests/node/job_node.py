"""A node whose jobs are those of ``fake_job``: ``python job_node.py --root ROOT …``."""

import functools

import peak_console.node.__main__ as program
from peak_console.node.engine import Node

if __name__ == "__main__":
    vars(program)["Node"] = functools.partial(Node, job_module="fake_job")
    program.main()
