"""The package's modules import each other in one direction only."""

import ast
import importlib.util
import pathlib

import ops_coordinator

ROOT = pathlib.Path(ops_coordinator.__file__).parent
PACKAGE = ROOT.name


def modules():
    """Each module's code, by name, and whether it is a package."""
    for path in sorted(ROOT.rglob('*.py')):
        *parents, name = path.relative_to(ROOT.parent).with_suffix('').parts
        is_package = name == '__init__'
        dotted = '.'.join(parents if is_package else [*parents, name])
        yield dotted, is_package, path.read_text()


def imported(name, is_package, code):
    """What a module names in its imports, wherever they stand: at its top, in a function, or for
    the types only.
    """
    package = name if is_package else name.rpartition('.')[0]
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            relative = '.' * node.level + (node.module or '')
            module = importlib.util.resolve_name(relative, package)
            yield module
            yield from (f'{module}.{alias.name}' for alias in node.names)


def graph(found):
    """Which modules of the package each module imports. What a package imports is its own."""
    found = list(found)
    names = {name for name, _, _ in found}
    packages = {name for name, is_package, _ in found if is_package}
    return {
        name: {
            target
            for target in imported(name, is_package, code)
            if target in names and not (target in packages and name.startswith(f'{target}.'))
        }
        for name, is_package, code in found
    }


def circle(imports):
    """The modules of one circle in order, none where there is no circle."""
    done = set()

    def visit(name, path):
        if name in path:
            return path[path.index(name) :]
        if name in done:
            return []
        for target in sorted(imports[name]):
            if found := visit(target, [*path, name]):
                return found
        done.add(name)
        return []

    return next(filter(None, (visit(name, []) for name in sorted(imports))), [])


def test_no_module_imports_itself_through_others():
    imports = graph(modules())
    assert f'{PACKAGE}._dispatch' in imports[f'{PACKAGE}._part']
    assert circle(imports) == []


def test_a_circle_is_found_wherever_the_import_stands():
    one = 'from . import b'
    for other in (
        'import p.a',
        'from .a import thing',
        'def work():\n    from p import a',
        'if TYPE_CHECKING:\n    from .a import thing',
    ):
        found = [('p', True, 'from .a import thing'), ('p.a', False, one), ('p.b', False, other)]
        assert circle(graph(found)) == ['p.a', 'p.b']
    found[-1] = ('p.b', False, 'from .c import thing')
    assert circle(graph([*found, ('p.c', False, 'import ops')])) == []
