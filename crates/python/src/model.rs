//! Hook tools, answered by a Python callable. The package answers them from the model of `ops`, so
//! nothing is read twice and a charm's tests need no hook tools.

use std::io;

use ops_coordinator_juju::{ToolOutput, Transport};
use pyo3::prelude::*;

/// A callable `(tool, args, stdin) -> (exit code, stdout, stderr)`.
pub(crate) struct Model(Py<PyAny>);

impl Model {
    pub(crate) fn new(answer: Py<PyAny>) -> Self {
        Self(answer)
    }
}

impl Transport for Model {
    fn call(&self, tool: &str, args: &[String], stdin: Option<&str>) -> io::Result<ToolOutput> {
        Python::attach(|py| {
            let answer = self.0.call1(py, (tool, args.to_vec(), stdin))?;
            let (code, stdout, stderr) = answer.extract(py)?;
            Ok(ToolOutput {
                code: Some(code),
                stdout,
                stderr,
            })
        })
        .map_err(|error: PyErr| io::Error::other(error.to_string()))
    }
}
