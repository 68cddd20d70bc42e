//! Rules by which an agent's user is asked less, in the words of that agent: for what neither sends
//! a file or secret of this machine nor starts a program, whatever stands behind it. (Behind the
//! sending fence, what does so stands before the subcommand.)

use super::client::Client;

/// The tools of the server for which that holds.
pub const TOOLS: [&str; 6] = ["open", "connect", "receive", "status", "close", "doctor"];
/// The commands for which it holds.
const COMMANDS: [&str; 6] = ["host", "connect", "receive", "status", "close", "doctor"];

/// Place of the rules, and the rules.
pub fn rules(client: Client) -> (&'static str, Vec<String>) {
    let tools = |rule: fn(&str) -> String| TOOLS.map(rule).join(", ");
    let commands = |rule: fn(&str) -> String| COMMANDS.map(rule).join(", ");
    match client {
        Client::Claude => (
            "permissions.allow of ~/.claude/settings.json",
            vec![
                commands(|word| format!("\"Bash(pinhole {word}:*)\"")),
                tools(|word| format!("\"mcp__pinhole__{word}\"")),
            ],
        ),
        // The tools are approved in the entry itself.
        Client::Codex => (
            "~/.codex/rules/pinhole.rules; such a command also runs outside the sandbox",
            vec![format!(
                "prefix_rule(pattern = [\"pinhole\", [{}]], decision = \"allow\")",
                commands(|word| format!("\"{word}\""))
            )],
        ),
        Client::Cursor => (
            "~/.cursor/permissions.json, which then replaces the lists in its settings",
            vec![
                format!(
                    "\"terminalAllowlist\": [{}]",
                    commands(|word| format!("\"pinhole {word}\""))
                ),
                format!("\"mcpAllowlist\": [{}]", tools(|word| format!("\"pinhole:{word}\""))),
            ],
        ),
        Client::OpenCode => (
            "permission of opencode.json, after the rules that ask",
            vec![
                format!(
                    "\"bash\": {{{}}}",
                    commands(|word| format!("\"pinhole {word} *\": \"allow\""))
                ),
                tools(|word| format!("\"pinhole_{word}\": \"allow\"")),
            ],
        ),
        Client::Gemini => (
            "~/.gemini/policies/pinhole.toml",
            vec![
                "rule = [".to_owned(),
                format!(
                    "  {{ toolName = \"run_shell_command\", commandPrefix = [{}], \
                     decision = \"allow\", priority = 100 }},",
                    commands(|word| format!("\"pinhole {word}\""))
                ),
                format!(
                    "  {{ mcpName = \"pinhole\", toolName = [{}], decision = \"allow\", \
                     priority = 100 }},",
                    tools(|word| format!("\"{word}\""))
                ),
                "]".to_owned(),
            ],
        ),
    }
}
