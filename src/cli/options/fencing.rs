//! The sending fence, as commands that send have it (`report/EVENTS.md`, "Whose sessions").

use super::permissions::Permissions;
use crate::cli::step::typed;
use crate::failure::{Failure, Kind};
use crate::files::outbox::{Fence, Keeper};
use crate::files::variable::is_variable;
use crate::session::plan::Plan;
use crate::settings::agent::{Agent, says_that};
use crate::typed::Typed;
use clap::Args;
use std::path::PathBuf;

/// Options of the sending fence.
///
/// There is no variable and no setting for it: what is allowed stands on the command line, where
/// the rules of the program that runs an agent see it.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Sending fence")]
pub(in crate::cli) struct Fencing {
    /// Send nothing from outside the working directory, and nothing that commonly holds secrets:
    /// .ssh, .aws, .gnupg and their like, .env files, private keys. On by itself when an agent runs
    /// this (AGENT, AI_AGENT, CLAUDECODE, CODEX_THREAD_ID, CURSOR_AGENT, GEMINI_CLI, OPENCODE,
    /// PINHOLE_AGENT or a similar variable is set, and neither 0 nor false). It protects against
    /// slips and against what the other side talks an agent into, not against whoever writes this
    /// command line, and does not check texts and standard input. Relays are fenced too
    /// (--allow-relay)
    #[arg(long)]
    fence: bool,
    /// Behind the fence: also allow this file, or what is in this folder; may be repeated. Turns
    /// the fence on. When an agent runs this, and with --fence, each --allow... counts only before
    /// the command's name: pinhole --allow PATH give ...
    #[arg(long, value_name = "PATH")]
    allow: Vec<PathBuf>,
    /// Behind the fence: also allow the value of this environment variable; may be repeated. Turns
    /// the fence on. Variables of pinhole, of agents and of their models (ANTHROPIC_...,
    /// OPENAI_...) are never sent
    #[arg(long, value_name = "NAME")]
    allow_env: Vec<String>,
    /// Behind the fence: also allow what commonly holds secrets
    #[arg(long)]
    allow_sensitive: bool,
}

impl Fencing {
    /// Puts a plan behind the fence, if there is one. It keeps in relays, too.
    pub(in crate::cli) fn around(&self, mut plan: Plan) -> Result<Plan, Failure> {
        if self.fence(Keeper::Command)?.is_some() {
            plan.relays.fenced = Some(Keeper::Command);
        }
        Ok(plan)
    }

    /// True if the command line names the fence itself.
    pub(in crate::cli) const fn is_named(&self) -> bool {
        self.fence
    }

    /// Options that allow something behind the command's name.
    pub(in crate::cli) fn behind(&self) -> impl Iterator<Item = &'static str> {
        let allowed = [
            ("--allow", !self.allow.is_empty()),
            ("--allow-env", !self.allow_env.is_empty()),
            ("--allow-sensitive", self.allow_sensitive),
        ];
        allowed.into_iter().filter_map(|(option, given)| given.then_some(option))
    }

    /// Takes what is allowed before the command's name.
    pub(in crate::cli) fn allow(&mut self, permissions: &mut Permissions) {
        self.allow.append(&mut permissions.allow);
        self.allow_env.append(&mut permissions.allow_env);
        self.allow_sensitive |= std::mem::take(&mut permissions.allow_sensitive);
    }

    /// True if there is a fence.
    pub(in crate::cli) fn is_on(&self) -> bool {
        Agent::here().is_some() || self.is_asked_for()
    }

    fn is_asked_for(&self) -> bool {
        self.fence || !self.allow.is_empty() || !self.allow_env.is_empty()
    }

    /// The fence, if it is asked for or an agent runs this.
    pub(in crate::cli) fn fence(&self, keeper: Keeper) -> Result<Option<Fence>, Failure> {
        let why = match says_that(if keeper == Keeper::Channel {
            "opened it"
        } else {
            "runs this command"
        }) {
            Some(why) => why,
            None if self.is_asked_for() => "--fence".to_owned(),
            None => return Ok(None),
        };
        self.always(why, keeper).map(Some)
    }

    /// The fence of what is never without one.
    pub(in crate::cli) fn always(
        &self,
        why: impl Into<String>,
        keeper: Keeper,
    ) -> Result<Fence, Failure> {
        if !self.allow_env.iter().all(|name| is_variable(name)) {
            // Not repeated: it may be the value itself.
            return Err(Failure::new(
                Kind::Usage,
                "the value of --allow-env is not the name of an environment variable",
            )
            .next("write it as in --allow-env API_KEY, without $ and without a value"));
        }
        let fence = Fence::new(why, &self.allow, self.allow_sensitive, keeper)?
            .letting_out(self.allow_env.clone());
        Ok(fence.typed_as(if keeper == Keeper::Server {
            Typed::Server
        } else {
            Typed::of(&typed())
        }))
    }
}
