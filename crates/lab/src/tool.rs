//! The hook tools: what each takes, answers and changes. Modelled on `internal/worker/uniter/runner/jujuc`.

mod action;
mod call;
mod config;
mod flag;
mod goal;
mod halt;
mod leader;
mod log;
mod mark;
mod network;
mod output;
mod port;
mod relation_get;
mod relation_list;
mod relation_set;
mod scene;
mod setting;
mod state;
mod status;
mod table;

pub use call::named_file;
pub use table::names;
pub(crate) use table::{is_tool, runs_commands};
