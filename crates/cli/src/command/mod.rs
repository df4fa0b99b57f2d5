//! The subcommands, one module each.

mod action;
mod after;
mod begin;
mod campaign;
mod cancel;
mod check;
mod coordination;
#[cfg(feature = "lab")]
mod demo;
#[cfg(feature = "etcd")]
mod etcd;
mod format;
mod instruct;
#[cfg(feature = "lab")]
mod lab;
mod pass;
mod pause;
mod plan;
mod policy;
mod release;
mod request;
mod resume;
mod retry;
mod run;
#[cfg(feature = "lab")]
mod simulate;
mod skip;
mod status;
mod wake;
mod withdraw;
mod write_pending_line;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub(crate) use crate::error::{CommandError, finish};
use crate::usage;

/// Units of a Juju application take turns: restart, upgrade, rotate, one after the other.
///
/// In a charm: call `begin` at the start of every hook, `request` when a restart is needed, `run` in
/// every hook (it acts only when it is the unit's turn), and `release` at the end of every hook.
#[derive(Debug, Parser)]
#[command(
    name = "ops-coordinator",
    version,
    max_term_width = 100,
    arg_required_else_help = true
)]
#[cfg_attr(
    feature = "lab",
    command(after_help = "See it work: ops-coordinator demo")
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Begin(begin::BeginArgs),
    Request(request::RequestArgs),
    Run(run::RunArgs),
    Withdraw(withdraw::WithdrawArgs),
    Pass(pass::PassArgs),
    Release(release::ReleaseArgs),
    Status(status::StatusArgs),
    Check(check::CheckArgs),
    Plan(plan::PlanArgs),
    Campaign(campaign::CampaignArgs),
    Pause(pause::PauseArgs),
    Resume(resume::ResumeArgs),
    Retry(retry::RetryArgs),
    Skip(skip::SkipArgs),
    Cancel(cancel::CancelArgs),
    Action(action::ActionArgs),
    #[cfg(feature = "etcd")]
    Lock(Box<etcd::lock::LockArgs>),
    #[cfg(feature = "lab")]
    Lab(lab::LabArgs),
    #[cfg(feature = "lab")]
    Demo(demo::DemoArgs),
    #[cfg(feature = "lab")]
    Simulate(simulate::SimulateArgs),
    #[cfg(feature = "etcd")]
    #[command(hide = true)]
    Deputy(etcd::deputy::DeputyArgs),
    #[cfg(feature = "etcd")]
    #[command(hide = true)]
    Hold(etcd::hold::HoldArgs),
    #[cfg(feature = "etcd")]
    #[command(hide = true)]
    Guard(etcd::guard::GuardArgs),
    #[cfg(feature = "etcd")]
    #[command(hide = true)]
    Certificate(etcd::certificate::CertificateArgs),
    #[command(hide = true)]
    Wake(wake::WakeArgs),
    #[command(hide = true)]
    WritePendingLine(write_pending_line::WritePendingLineArgs),
    #[cfg(feature = "lab")]
    #[command(hide = true)]
    DemoServer(demo::server::ServerArgs),
}

/// Runs the command line of this process.
pub(crate) fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(answer) => return usage::reply(answer),
    };
    finish(match cli.command {
        Command::Begin(args) => begin::run(&args),
        Command::Request(args) => request::run(args),
        Command::Run(args) => run::run(&args),
        Command::Withdraw(args) => withdraw::run(&args),
        Command::Pass(args) => pass::run(&args),
        Command::Release(args) => release::run(args),
        Command::Status(args) => status::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Plan(args) => plan::run(&args),
        Command::Campaign(args) => campaign::run(args),
        Command::Pause(args) => pause::run(args),
        Command::Resume(args) => resume::run(&args),
        Command::Retry(args) => retry::run(args),
        Command::Skip(args) => skip::run(args),
        Command::Cancel(args) => cancel::run(args),
        Command::Action(args) => action::run(&args),
        #[cfg(feature = "etcd")]
        Command::Lock(args) => etcd::lock::run(&args),
        #[cfg(feature = "lab")]
        Command::Lab(args) => lab::run(args),
        #[cfg(feature = "lab")]
        Command::Demo(args) => demo::run(args),
        #[cfg(feature = "lab")]
        Command::Simulate(args) => Ok(simulate::run(&args)),
        #[cfg(feature = "etcd")]
        Command::Deputy(args) => etcd::deputy::run(&args),
        #[cfg(feature = "etcd")]
        Command::Hold(args) => etcd::hold::run(&args),
        #[cfg(feature = "etcd")]
        Command::Guard(args) => Ok(etcd::guard::run(&args)),
        #[cfg(feature = "etcd")]
        Command::Certificate(args) => etcd::certificate::run(&args),
        Command::Wake(args) => wake::run(&args),
        Command::WritePendingLine(args) => write_pending_line::run(&args),
        #[cfg(feature = "lab")]
        Command::DemoServer(args) => demo::server::run(&args),
    })
}
