//! Locking a mutex of the lab.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Takes a lock even if its last owner panicked: the lab must be able to end after a panic.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
