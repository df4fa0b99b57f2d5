//! The controller's side: applications, their peer relations and databags, leases, queues, timers.

pub(crate) mod bag;
pub(crate) mod deployed;
pub(crate) mod lease;
pub(crate) mod member;
pub(crate) mod peer;
pub(crate) mod queue;
pub(crate) mod timer;
