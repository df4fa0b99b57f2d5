"""What a charm under test records: a JSON line for each thing that it saw or checked.

`conformance/run` puts this file beside each charm, and reads the lines when the lab has ended.
Nothing here decides whether a run was good: a failed check is just a line, and the charm goes on.
"""

import json
import os
import subprocess


def write(**facts):
    """Append one line to `seen.jsonl` in the unit's charm directory."""
    with open(os.path.join(os.environ['JUJU_CHARM_DIR'], 'seen.jsonl'), 'a') as lines:
        lines.write(json.dumps(facts, sort_keys=True, default=str) + '\n')


def dispatch(**facts):
    """Write down which hook this is, and its whole environment."""
    name = os.environ.get('JUJU_HOOK_NAME') or os.environ.get('JUJU_ACTION_NAME') or 'juju-exec'
    write(kind='dispatch', name=name, env=dict(os.environ), cwd=os.getcwd(), **facts)


def check(name, got, want):
    """Write down whether `got` is `want`: a value, or a function that says yes or no."""
    ok = bool(want(got)) if callable(want) else got == want
    write(kind='check', name=name, ok=ok, got=got, want='(a test)' if callable(want) else want)


def raises(name, error, function, *args, **kwargs):
    """Check that the call raises `error`; gives back what was raised, or None."""
    try:
        got = function(*args, **kwargs)
    except error as e:
        write(kind='check', name=name, ok=True)
        return e
    write(kind='check', name=name, ok=False, got=got, want=error.__name__)
    return None


def tool(name, *args, stdin=None, env=None):
    """Call a hook tool as a shell would: its exit code, stdout and stderr."""
    done = subprocess.run(
        [name, *args], input=stdin, env=env, capture_output=True, encoding='utf-8', check=False
    )
    return done.returncode, done.stdout, done.stderr


def fails(name, command, code, text):
    """Check that a hook tool fails with this exit code, says this, and prints nothing else."""
    got = tool(*command)
    write(
        kind='check',
        name=name,
        ok=got[0] == code and text in got[2] and got[2].startswith('ERROR ') and not got[1],
        got=got,
        want=[code, '', text],
    )
