"""A charm whose operations run in turn, and that remembers what has happened to it."""

from typing import ClassVar

import ops
from ops_coordinator import Turns

EVENTS = ('started', 'finished', 'failed', 'stopped', 'cancelled')


def turning(operations=('restart', 'rotate'), **options):
    """Make a charm class. What happens to any of its units is in `ran` and `told` of the class.

    With `answers` of an operation, its calls return those, one after the other, or raise them.
    """

    class Charm(ops.CharmBase):
        ran: ClassVar = []
        told: ClassVar = []
        answers: ClassVar = {}
        states: ClassVar = []
        ask = lambda turns: turns.request('restart')  # noqa: E731
        look = lambda charm: None  # noqa: E731

        def __init__(self, framework):
            super().__init__(framework)
            known = {name: self._operation(name) for name in operations}
            self.turns = Turns(self, known, **options)
            framework.observe(self.on.config_changed, self._on_config_changed)
            framework.observe(self.on.collect_unit_status, self._on_collect_unit_status)
            for name in EVENTS:
                event = getattr(self.turns.on, f'turn_{name}')
                framework.observe(event, getattr(self, f'_on_{name}'))

        def _on_config_changed(self, _):
            type(self).ask(self.turns)

        def _on_collect_unit_status(self, event):
            self.states.append(self.turns.state)
            type(self).look(self)
            self.turns.add_status(event)
            event.add_status(ops.ActiveStatus())

        def _operation(self, name):
            def run(**kwargs):
                self.ran.append((self.unit.name, name, kwargs))
                answer = self.answers.get(name)
                answer = answer.pop(0) if isinstance(answer, list) and answer else answer
                if callable(answer):
                    answer = answer(self)
                if isinstance(answer, Exception):
                    raise answer
                return answer if answer != [] else None

            return run

        def _on_started(self, event):
            self.told.append(('started', event.operation))

        def _on_finished(self, event):
            self.told.append(('finished', event.operation))

        def _on_failed(self, event):
            self.told.append(('failed', event.operation, event.reason, event.will_retry))

        def _on_stopped(self, event):
            self.told.append(('stopped', event.operation, event.reason))

        def _on_cancelled(self, event):
            self.told.append(('cancelled', event.operation, event.reason))

    return Charm
