"""For charms that come from another library: its names, on this package.

A charm changes one line, and keeps the rest of its code:

- `ops_coordinator.compat.rollingops` for `charmlibs.rollingops`
- `ops_coordinator.compat.rolling_ops_v1` for `charms.rolling_ops.v1.rollingops`
- `ops_coordinator.compat.rolling_ops_v0` for `charms.rolling_ops.v0.rollingops`
- `ops_coordinator.compat.charmhelpers` for `charmhelpers.coordinator`

What those libraries have left in the databags is taken over when the charm is refreshed.
`docs/moving.md` says what is different here, and why.
"""
