//! Names of environment variables: those that can be one, those that the peer may choose, and those
//! that are the agents' own. One list, for what is received and for what is sent.

use crate::failure::{Failure, Kind};

/// Ends of the names of credentials: such a variable is read by the program that needs it, and
/// makes no other run.
const FORMS: [&str; 6] = ["_KEY", "_TOKEN", "_SECRET", "_PASSWORD", "_CREDENTIALS", "_DSN"];

/// Beginnings of the names by which an agent, a model service or this program is led: whose account
/// pays and reads along, and what is allowed. With somebody else's key, an agent's work goes to
/// them.
const AGENTS: &[&str] = &[
    "ANTHROPIC_",
    "CLAUDE",
    "OPENAI_",
    "CODEX",
    "GEMINI",
    "GOOGLE_API_KEY",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "GOOGLE_AI_",
    "GOOGLE_GENAI_",
    "GOOGLE_GENERATIVE_AI_",
    "VERTEX_",
    "AWS_BEARER_TOKEN_BEDROCK",
    "BEDROCK_",
    "AZURE_OPENAI_",
    "AZURE_API_KEY",
    "AZURE_AI_",
    "GITHUB_COPILOT_",
    "COPILOT",
    "CURSOR",
    "OPENCODE",
    "AIDER_",
    "AMP_",
    "GOOSE_",
    "CLINE_",
    "WINDSURF",
    "CODEIUM",
    "DEVIN_",
    "KIRO_",
    "MCP_",
    "PINHOLE_",
    "XAI_",
    "GROQ_",
    "MISTRAL_",
    "CODESTRAL_",
    "COHERE_",
    "CO_API_KEY",
    "DEEPSEEK_",
    "OPENROUTER_",
    "TOGETHER_",
    "TOGETHERAI_",
    "FIREWORKS_",
    "PERPLEXITY_",
    "CEREBRAS_",
    "MOONSHOT_",
    "KIMI_",
    "DASHSCOPE_",
    "QWEN_",
    "ZAI_",
    "ZHIPUAI_",
    "MINIMAX_",
    "REPLICATE_",
    "HUGGING",
    "HF_TOKEN",
    "NVIDIA_API_KEY",
    "AI_GATEWAY_",
    "LITELLM_",
    "OLLAMA_",
    "LANGSMITH_",
];

/// True if a shell and a dotenv file can have a variable of this name: letters of ASCII, digits and
/// `_`, no digit first (POSIX XBD 3.216).
#[must_use]
pub fn is_variable(name: &str) -> bool {
    let word = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    word && name.bytes().next().is_some_and(|byte| !byte.is_ascii_digit())
}

/// True for a variable of an agent, a model service or this program.
#[must_use]
pub fn is_agents(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    AGENTS.iter().any(|begin| name.starts_with(begin))
}

/// Names that the user has listed (`--accept-env`), so that the other side may choose them too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accepted(Vec<String>);

/// Why the other side may not choose a name. Goes on after the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unaccepted {
    /// It has no credential's form.
    #[error(
        "is not the name of a credential (*_KEY, *_TOKEN, *_SECRET, *_PASSWORD, *_CREDENTIALS, \
         *_DSN)"
    )]
    NoCredential,
    /// It is one of [`is_agents`].
    #[error("controls or pays for an agent, a model service or pinhole")]
    Agents,
}

/// The failure if the variable of this name is not set here.
#[must_use]
pub fn not_set(name: &str) -> Failure {
    let detail = format!("the environment variable {name:?} is not set");
    Failure::new(Kind::NoSuchVariable, detail)
        .next(format!("export {name} before the command, or check the spelling"))
}

impl Accepted {
    /// These names.
    ///
    /// # Errors
    /// Exit 2 for what can be no variable's name.
    pub fn new(names: &[String]) -> Result<Self, Failure> {
        match names.iter().all(|name| is_variable(name)) {
            true => Ok(Self(names.to_vec())),
            false => Err(Failure::new(
                Kind::Usage,
                "the value of --accept-env is not the name of an environment variable",
            )
            .next("write it as in --accept-env DATABASE_URL")),
        }
    }

    /// Judges a name that the other side has chosen, or may have talked an agent into. An
    /// allow-list: nobody can know all the names by which programs run others.
    ///
    /// # Errors
    /// [`Unaccepted`], unless it is listed.
    pub fn judge(&self, name: &str) -> Result<(), Unaccepted> {
        let upper = name
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
        let stem = FORMS.iter().find_map(|form| name.strip_suffix(form));
        match stem {
            _ if self.0.iter().any(|listed| listed == name) => Ok(()),
            _ if is_agents(name) => Err(Unaccepted::Agents),
            Some(stem) if upper && stem.bytes().any(|byte| byte.is_ascii_uppercase()) => Ok(()),
            _ => Err(Unaccepted::NoCredential),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_credentials_name_is_taken_or_one_that_is_listed() {
        let none = Accepted::default();
        for name in [
            "API_KEY",
            "GH_TOKEN",
            "CLIENT_SECRET",
            "DB_PASSWORD",
            "S3_CREDENTIALS",
            "SENTRY_DSN",
            "AWS_SECRET_ACCESS_KEY",
        ] {
            assert_eq!(none.judge(name), Ok(()), "{name}");
        }
        let led = [
            "LESSOPEN",
            "HTTPS_PROXY",
            "CC",
            "RUSTFLAGS",
            "HOME",
            "PATH",
            "LD_PRELOAD",
            "BASH_ENV",
            "NODE_OPTIONS",
            "DATABASE_URL",
            "TOKEN",
            "_KEY",
            "api_key",
            "Api_KEY",
            "__KEY",
            "API_KEY_",
            "GIT_SSH_COMMAND",
            "LD_LIBRARY_PATH",
        ];
        for name in led {
            assert_eq!(none.judge(name), Err(Unaccepted::NoCredential), "{name}");
        }
        for name in [
            "ANTHROPIC_API_KEY",
            "OPENAI_API_KEY",
            "GEMINI_API_KEY",
            "GOOGLE_API_KEY",
            "CLAUDE_CODE_OAUTH_TOKEN",
            "CODEX_API_KEY",
        ] {
            assert_eq!(none.judge(name), Err(Unaccepted::Agents), "{name}");
        }
        assert!(
            is_agents("PINHOLE_HOST_TOKEN")
                && is_agents("CLAUDECODE")
                && is_agents("anthropic_base_url")
                && !is_agents("API_KEY")
        );
        assert!(
            ["GOOGLE_MAPS_KEY", "MY_OPENAI_API_KEY", "GITHUB_TOKEN", "PINHOLE", ""]
                .iter()
                .all(|name| !is_agents(name))
        );
        let listed = Accepted::new(&["DATABASE_URL".into(), "OPENAI_API_KEY".into()]).unwrap();
        assert_eq!(
            (listed.judge("DATABASE_URL"), listed.judge("OPENAI_API_KEY")),
            (Ok(()), Ok(()))
        );
        assert_eq!(listed.judge("GEMINI_API_KEY"), Err(Unaccepted::Agents));
        assert!(
            Accepted::new(&["A-B".into()]).is_err() && Accepted::new(&[String::new()]).is_err()
        );
    }

    #[test]
    fn no_peer_sends_a_variable_that_is_withheld_from_programs() {
        let command = crate::program::another("true", false);
        let mut withheld = command.as_std().get_envs().peekable();
        assert!(withheld.peek().is_some());
        assert!(withheld.all(|(name, _)| is_agents(&name.to_string_lossy())));
    }
}
