"""charmlibs-rollingops and our adapter, side by side: what is seen of each.

Each row below is run on both libraries. `docs/moving.md` has the same rows, word by word.
"""

import contextlib
import dataclasses
import datetime
import pathlib
from collections.abc import Callable

import pytest
from rolling import HAS_THEIRS, OURS, THEIRS, Rolling, needs_theirs, published

DOCUMENT = pathlib.Path(__file__).parents[3] / 'docs' / 'moving.md'


@dataclasses.dataclass
class Row:
    """A behaviour: how to see it, and what is seen."""

    behaviour: str
    see: Callable
    theirs: str
    ours: str | None = None
    """None if it is the same."""
    avoids: str = ''
    """What goes wrong with theirs, if ours is different."""

    def line(self):
        """The row of the table."""
        ours = 'the same' if self.ours is None else self.ours
        return f'| {self.behaviour} | {self.theirs} | {ours} | {self.avoids or "-"} |'


def runs(roll):
    """How often something has run, in words."""
    times = len(roll.charm.ran)
    return f'{times} run' if times == 1 else f'{times} runs'


def answers(*results):
    """Let the callback return these, by name, one after the other."""

    def prepare(roll):
        def result(one):
            return getattr(roll.charm.lib.OperationResult, one) if isinstance(one, str) else one

        roll.charm.answers['restart'] = [result(one) for one in results]

    return prepare


def asking(*requests):
    """Let one unit make these requests; then see what runs."""

    def see(roll):
        def ask(charm):
            for name, kwargs, *most in requests:
                charm.manager.request_async_lock(name, kwargs, *most)

        roll.charm.ask = ask
        roll.ask(1)
        roll.settle()
        return ', '.join(
            name + ''.join(f' {value}' for value in kwargs.values())
            for _, name, kwargs in roll.charm.ran
        )

    return see


def refused(name, kwargs=None, most=None):
    """Let a unit make a request that raises."""

    def see(roll):
        roll.charm.ask = lambda charm: charm.manager.request_async_lock(name, kwargs, most)
        try:
            error = roll.failing_hook(1, 'config_changed')
        except pytest.fail.Exception:
            return 'accepted'
        return type(error).__name__

    return see


def order(prepare, *, rounds=7):
    """Let two units ask, and see which of them runs when."""

    def see(roll):
        prepare(roll)
        roll.ask(1)
        roll.hook(0)
        roll.ask(2)
        roll.settle(rounds)
        return ', '.join(f'unit {number}' for number in roll.units())

    return see


def retried(max_retry, result):
    """How often a callback runs that always asks for another try."""

    def see(roll):
        roll.charm.answers['restart'] = getattr(roll.charm.lib.OperationResult, result)
        roll.charm.ask = lambda c: c.manager.request_async_lock('restart', max_retry=max_retry)
        roll.ask(1)
        with time_flying():
            roll.settle()
        return runs(roll)

    return see


@contextlib.contextmanager
def time_flying():
    """Let so much time pass between two hooks that nothing rests."""
    import ops_coordinator._operation as operation

    now = [operation.time.time()]

    def later():
        now[0] += 400
        return now[0]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(operation.time, 'time', later)
        yield


def with_kwargs(roll):
    """What a callback gets."""
    roll.charm.ask = lambda c: c.manager.request_async_lock(
        'restart', {'delay': 1, 'why': ['a b']}
    )
    roll.ask(1)
    roll.settle()
    return str(roll.charm.ran[0][2])


def everybody(roll):
    """Let three units ask."""
    roll.ask(0, 1, 2)
    roll.settle()
    return ', '.join(f'unit {number}' for number in sorted(roll.units()))


def for_ever(roll):
    """Whether a callback without a limit goes on."""
    roll.charm.answers['restart'] = roll.charm.lib.OperationResult.RETRY_RELEASE
    roll.ask(1)
    with time_flying():
        roll.settle()
    return 'it goes on' if published(roll.bag(1)) else 'it ends'


def hot(roll):
    """How often a callback that always fails runs in 36 hooks of its unit, without a pause."""
    roll.charm.answers['restart'] = RuntimeError('it always fails')
    roll.ask(1)
    roll.settle(18)
    return 'more than 10 runs in 36 hooks' if len(roll.charm.ran) > 10 else '2 runs'


def after_a_refresh(roll):
    """What becomes of a request whose callback is gone."""
    roll.charm.ask = lambda c: [c.manager.request_async_lock(n) for n in ('rotate', 'restart')]
    roll.ask(1)
    roll.refresh(callbacks=['restart'])
    roll.settle()
    ran = roll.names()
    roll.refresh(callbacks=['restart', 'rotate'])
    roll.settle()
    return f'{", ".join(ran)}; once the callback is back: {", ".join(roll.names()) or "nothing"}'


def inside(name):
    """What becomes of a request that a callback makes."""

    def see(roll):
        def ask(charm):
            charm.manager.request_async_lock(name, {'again': True} if name == 'rotate' else None)

        roll.charm.answers['restart'] = [ask]
        roll.ask(1)
        roll.settle()
        return ', '.join(roll.names())

    return see


def failing_later(roll):
    """What becomes of a callback whose hook fails in the end."""
    roll.ask(1)
    roll.hook(0)

    def fail(_):
        raise RuntimeError('later in the hook')

    roll.charm.look = fail
    with roll._without_workers(), contextlib.suppress(Exception):
        roll.app.hook(1, 'relation_changed', about=0)
    roll.charm.look = lambda _: None
    roll.settle()
    return runs(roll)


def states(roll):
    """What the state is, from the request to the end."""
    seen = []

    def look(charm):
        if charm.unit.name == 'app/1':
            seen.append(charm.manager.state.status.value)

    roll.charm.look = look
    roll.app.joined = False
    roll.hook(1)
    roll.app.joined = True
    roll.hook(1)
    roll.ask(1)
    roll.charm.answers['restart'] = [look]
    roll.settle()
    return ', '.join(one for n, one in enumerate(seen) if n == 0 or one != seen[n - 1])


def looking(look):
    """What unit 0 sees while unit 1 waits."""

    def see(roll):
        roll.charm.ask = lambda c: c.manager.request_async_lock('rotate')
        roll.ask(1)
        seen = []
        roll.charm.look = lambda c: seen.append(look(c.manager))
        with roll._without_workers():
            try:
                roll.app.hook(0)
            except Exception as error:
                return type(error.__cause__).__name__
        return str(seen[0])

    return see


def no_relation(roll):
    """What a request raises before there is a relation."""
    roll.app.joined = False
    return refused('restart')(roll)


def locking(act, *, taking=None, giving=None):
    """What a synchronous lock does."""

    def see(roll):
        lib, said = roll.charm.lib, []

        class Backend(lib.SyncLockBackend):
            def acquire(self, timeout):
                said.append(f'taken, {timeout} s')
                if taking is not None:
                    raise taking

            def release(self):
                said.append('given back')
                if giving is not None:
                    raise giving

        def look(charm):
            if said:
                return
            charm.manager._sync_lock_targets = charm.manager._sync_locks = {'stop': Backend()}
            try:
                act(charm.manager, said)
            except Exception as error:
                said.append(type(error).__name__)

        roll.charm.look = look
        roll.hook(1)
        return '; '.join(said)

    return see


def hold(manager, said, name='stop'):
    """Take the lock and do something."""
    with manager.acquire_sync_lock(backend_id=name, timeout=5):
        said.append('inside')


def hold_and_fail(manager, said):
    """Take the lock and fail."""
    with manager.acquire_sync_lock(backend_id='stop', timeout=5):
        raise KeyError('inside')


def unreadable(roll):
    """What becomes of the others if a unit's queue cannot be read."""
    roll.bag(2)['operations'] = '[{'
    roll.bag(2)['state'] = 'request'
    roll.ask(1)
    try:
        roll.settle()
    except Exception as error:
        return f"the leader's hook fails: {type(error.__cause__).__name__}"
    return ', '.join(f'unit {number}' for number in roll.units())


def left_by_v0(roll):
    """What becomes of data that v0 has left."""
    roll.bag(2)['state'] = 'release'
    roll.ask(1)
    try:
        roll.settle()
    except Exception as error:
        return f"the leader's hook fails: {type(error.__cause__).__name__}"
    return ', '.join(f'unit {number}' for number in roll.units())


def clock_ahead(roll):
    """What an idle unit does to the one whose turn it is, if its clock is ahead."""
    later = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
    roll.bag(2).update({'state': 'idle', 'executed_at': str(later.timestamp())})
    roll.ask(1)
    roll.hook(0)
    before = dict(roll.app.app_bag)
    for _ in range(3):
        roll.hook(0)
    if roll.app.app_bag != before:
        return 'the grant is taken back and given again before it was used'
    return 'nothing'


def two_managers(roll):
    """What a second manager of a charm does."""
    meta = {'peers': {name: {'interface': 'rolling_op'} for name in ('restart', 'second')}}
    roll.app.meta.update(meta)

    def look(charm):
        charm.lib.RollingOpsManager(charm, callback_targets={}, peer_relation_name='second')

    roll.charm.look = look
    try:
        roll.hook(1)
    except Exception as error:
        return f'{type(error.__cause__).__name__}'
    return 'it is another lock'


def own_turn(roll):
    """What a leader starts for its own turn."""
    roll.ask(0)
    roll.hook(0)
    return 'a process that sleeps for 10 s' if roll.started else 'nothing'


ROWS = [
    Row('a callback gets its kwargs', with_kwargs, "{'delay': 1, 'why': ['a b']}"),
    Row('three units ask', everybody, 'unit 0, unit 1, unit 2'),
    Row(
        'the same request twice',
        asking(('restart', {'n': 1}), ('restart', {'n': 1})),
        'restart 1',
    ),
    Row(
        'the same callback with other kwargs',
        asking(('restart', {'n': 1}), ('restart', {'n': 2})),
        'restart 1, restart 2',
    ),
    Row(
        'one, another, and the first again',
        asking(('restart', {}), ('rotate', {}), ('restart', {})),
        'restart, rotate, restart',
    ),
    Row(
        'the same request with another `max_retry`',
        asking(('restart', {}, 1), ('restart', {}, 2)),
        'restart',
    ),
    Row('`RELEASE`', order(answers('RELEASE')), 'unit 1, unit 2'),
    Row('`None`', order(answers(None)), 'unit 1, unit 2'),
    Row('anything else that is returned', order(answers(7)), 'unit 1, unit 2'),
    Row('`RETRY_RELEASE`', order(answers('RETRY_RELEASE')), 'unit 1, unit 2, unit 1'),
    Row('`RETRY_HOLD`', order(answers('RETRY_HOLD')), 'unit 1, unit 1, unit 2'),
    Row('an exception', order(answers(RuntimeError('x'))), 'unit 1, unit 2, unit 1'),
    Row('`max_retry=0`, `RETRY_RELEASE` each time', retried(0, 'RETRY_RELEASE'), '1 run'),
    Row('`max_retry=2`, `RETRY_RELEASE` each time', retried(2, 'RETRY_RELEASE'), '3 runs'),
    Row('`max_retry=0`, `RETRY_HOLD` each time', retried(0, 'RETRY_HOLD'), '1 run'),
    Row('`max_retry=2`, `RETRY_HOLD` each time', retried(2, 'RETRY_HOLD'), '3 runs'),
    Row('`max_retry=None`, `RETRY_RELEASE` each time', for_ever, 'it goes on'),
    Row(
        'a callback that always raises',
        hot,
        'more than 10 runs in 36 hooks',
        '2 runs',
        'without a rest between retries, the hooks of all units run one after the other for ever',
    ),
    Row('an unknown callback', refused('reboot'), 'RollingOpsInvalidLockRequestError'),
    Row('a negative `max_retry`', refused('restart', {}, -1), 'RollingOpsInvalidLockRequestError'),
    Row(
        'kwargs that JSON cannot represent',
        refused('restart', {'x': object()}),
        'RollingOpsInvalidLockRequestError',
    ),
    Row('kwargs that are no dict', refused('restart', 'x'), 'RollingOpsInvalidLockRequestError'),
    Row(
        'kwargs of 20 kB',
        refused('restart', {'x': 'x' * 20_000}),
        'accepted',
        'RollingOpsInvalidLockRequestError',
        'every unit reads the databag in every hook',
    ),
    Row('no relation yet', no_relation, 'RollingOpsNoRelationError'),
    Row(
        '`state.status` from the start to the end',
        states,
        'not-ready, idle, waiting, granted, idle',
    ),
    Row('`is_waiting` of another unit', looking(lambda m: m.is_waiting('app/1')), 'True'),
    Row('`is_waiting` of this unit', looking(lambda m: m.is_waiting()), 'False'),
    Row('`is_waiting` of no unit', looking(lambda m: m.is_waiting('app/9')), 'ValueError'),
    Row(
        '`is_waiting_callback` of another unit',
        looking(lambda m: [m.is_waiting_callback(n, 'app/1') for n in ('rotate', 'restart')]),
        '[True, False]',
    ),
    Row(
        'a refresh takes away a callback that waits',
        after_a_refresh,
        'restart; once the callback is back: nothing',
        'restart; once the callback is back: rotate',
        'the request is lost',
    ),
    Row(
        'a callback requests another one',
        inside('rotate'),
        'restart',
        'restart, rotate',
        'the request is lost',
    ),
    Row(
        'a callback requests itself',
        inside('restart'),
        'restart',
        'restart, restart',
        'a change that comes while the callback runs gets no run of its own',
    ),
    Row('the hook fails after the callback', failing_later, '2 runs'),
    Row('a synchronous lock', locking(hold), 'taken, 5 s; inside; given back'),
    Row(
        'a synchronous lock, and the block raises',
        locking(hold_and_fail),
        'taken, 5 s; given back; KeyError',
    ),
    Row(
        'a synchronous lock that is not free in time',
        locking(hold, taking=TimeoutError()),
        'taken, 5 s; RollingOpsSyncLockError',
        'taken, 5 s; TimeoutError',
        'code that handles `TimeoutError`, as the documentation has it, never runs',
    ),
    Row(
        'a synchronous lock that cannot be taken',
        locking(hold, taking=OSError()),
        'taken, 5 s; RollingOpsSyncLockError',
    ),
    Row(
        'a synchronous lock that cannot be given back',
        locking(hold, giving=OSError()),
        'taken, 5 s; inside; given back; RollingOpsSyncLockError',
    ),
    Row(
        "a unit's queue that cannot be read",
        unreadable,
        "the leader's hook fails: RollingOpsDecodingError",
        'unit 1',
        'one unit stops all of them',
    ),
    Row(
        'data that v0 has left on the relation',
        left_by_v0,
        "the leader's hook fails: ValueError",
        'unit 1',
        'a charm that moves on from v0 as documented comes to a standstill',
    ),
    Row(
        'an idle unit whose clock is an hour ahead, while another has the lock',
        clock_ahead,
        'the grant is taken back and given again before it was used',
        'nothing',
        'no clock decides here; there, a unit may be let in beside another',
    ),
    Row(
        'a second manager in the charm',
        two_managers,
        'RuntimeError',
        'it is another lock',
        'one lock for everything',
    ),
    Row(
        'what the leader starts for its own turn',
        own_turn,
        'a process that sleeps for 10 s',
        'nothing',
        'each turn of the leader takes ten seconds more',
    ),
]


@pytest.mark.parametrize('row', ROWS if HAS_THEIRS else [], ids=lambda row: row.behaviour)
def test_what_is_seen_of_theirs(application, row):
    assert row.see(Rolling(application, THEIRS)) == row.theirs


@pytest.mark.parametrize('row', ROWS, ids=lambda row: row.behaviour)
def test_what_is_seen_of_ours(application, row):
    assert row.see(Rolling(application, OURS)) == (row.theirs if row.ours is None else row.ours)


@needs_theirs
def test_the_public_names_are_the_same():
    import charmlibs.rollingops as theirs
    from ops_coordinator.compat import rollingops as ours

    assert set(ours.__all__) == set(theirs.__all__)
    for name in ('OperationResult', 'ProcessingBackend', 'RollingOpsStatus'):
        assert [one.value for one in getattr(ours, name)] == [
            one.value for one in getattr(theirs, name)
        ]
    errors = [name for name in theirs.__all__ if name.endswith('Error')]
    for name in errors:
        bases = [base.__name__ for base in getattr(theirs, name).__mro__]
        assert [base.__name__ for base in getattr(ours, name).__mro__] == bases


def test_each_row_is_in_the_documentation():
    text = DOCUMENT.read_text()
    missing = [row.line() for row in ROWS if row.line() not in text]
    assert missing == []
