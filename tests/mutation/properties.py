"""Properties and the like as plain functions: mutmut leaves out each function that has a decorator."""

import ast

APPLIED = ("property", "cached_property", "contextmanager", "disk_errors()")


def with_plain_properties(source: str) -> str:
    """`source` with each decorator of APPLIED applied below its function instead."""
    lines = source.splitlines()
    for node in sorted(ast.walk(ast.parse(source)), key=lambda node: -getattr(node, "lineno", 0)):
        if not isinstance(node, ast.FunctionDef) or len(node.decorator_list) != 1:
            continue
        [decorator] = node.decorator_list
        text = ast.unparse(decorator)
        if text not in APPLIED:
            continue
        assert node.end_lineno is not None
        indent = " " * node.col_offset
        lines.insert(node.end_lineno, f"{indent}{node.name} = {text}({node.name})")
        del lines[decorator.lineno - 1]
    return "\n".join(lines) + "\n"
