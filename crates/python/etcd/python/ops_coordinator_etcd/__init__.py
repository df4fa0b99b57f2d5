"""Brings the command `ops-coordinator` that stands in line in etcd, as a file of this package."""
