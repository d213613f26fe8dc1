"""Properties as plain functions: mutmut leaves out each function that has a decorator."""

import ast


def with_plain_properties(source: str) -> str:
    """`source` with each `@property` and `@cached_property` applied below its function instead."""
    lines = source.splitlines()
    for node in sorted(ast.walk(ast.parse(source)), key=lambda node: -getattr(node, "lineno", 0)):
        if not isinstance(node, ast.FunctionDef) or len(node.decorator_list) != 1:
            continue
        [decorator] = node.decorator_list
        if not isinstance(decorator, ast.Name) or decorator.id not in ("property", "cached_property"):
            continue
        assert node.end_lineno is not None
        indent = " " * node.col_offset
        lines.insert(node.end_lineno, f"{indent}{node.name} = {decorator.id}({node.name})")
        del lines[decorator.lineno - 1]
    return "\n".join(lines) + "\n"
