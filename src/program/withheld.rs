//! Variables of agents' clients that no program gets which this one starts: an exact list, as
//! clients set them for their commands (Claude Code 2.1.332, Codex 0.171.0, OpenCode 1.18.33,
//! Gemini CLI 0.61.0) or name them in themselves. What else is set is a person's and stays: keys
//! and addresses of model services, settings, `CLAUDECODE` and its like, which only say that an
//! agent is here.

/// Keys, sockets and places of an agent's session: who has them speaks as the agent, or changes
/// what its next commands are.
pub(super) const KEYS: [&str; 35] = [
    "CLAUDE_BG_AUTH_SNAPSHOT_PATH",
    "CLAUDE_BG_PTY_AUTH",
    "CLAUDE_BG_RV_AUTH",
    "CLAUDE_BG_SOCKET_TOKENS_PATH",
    "CLAUDE_BRIDGE_REATTACH_SESSION",
    "CLAUDE_CODE_API_KEY_FILE_DESCRIPTOR",
    "CLAUDE_CODE_ARTIFACTS_API_TOKEN",
    "CLAUDE_CODE_CHILD_NOTES_DIR",
    "CLAUDE_CODE_GATEWAY_TOKEN_FILE_DESCRIPTOR",
    "CLAUDE_CODE_HOST_CREDS_FILE",
    "CLAUDE_CODE_MESSAGING_SOCKET",
    "CLAUDE_CODE_MESSAGING_TOKEN",
    "CLAUDE_CODE_OAUTH_TOKEN_FILE_DESCRIPTOR",
    "CLAUDE_CODE_RUNNER_MODEL_SOCKET",
    "CLAUDE_CODE_SESSIONS_OAUTH_TOKEN",
    "CLAUDE_CODE_SESSION_ACCESS_TOKEN",
    "CLAUDE_CODE_SSE_PORT",
    "CLAUDE_CODE_WEBSOCKET_AUTH_FILE_DESCRIPTOR",
    "CLAUDE_ENV_FILE",
    "CLAUDE_PID",
    "CLAUDE_RUNNER_ACTIVITY_FD",
    "CLAUDE_SESSION_INGRESS_TOKEN_FILE",
    "CLAUDE_TRUSTED_DEVICE_TOKEN",
    "CODEX_EXEC_SERVER_URL",
    "GEMINI_CLI_IDE_AUTH_TOKEN",
    "GEMINI_CLI_IDE_PID",
    "GEMINI_CLI_IDE_SERVER_PORT",
    "GEMINI_CLI_IDE_SERVER_STDIO_ARGS",
    "GEMINI_CLI_IDE_SERVER_STDIO_COMMAND",
    "OPENCODE_CONSOLE_TOKEN",
    "OPENCODE_EDITOR_SSE_PORT",
    "OPENCODE_PID",
    "OPENCODE_SERVER_PASSWORD",
    "OPENCODE_SERVER_USERNAME",
    "OPENCODE_WORKSPACE_ID",
];

/// Ids of an agent's session, by which it would be the agent whose channels a program sees.
pub(super) const IDS: [&str; 7] = [
    "CLAUDE_CODE_LAUNCHED_BY_SESSION_IDS",
    "CLAUDE_CODE_REMOTE_SESSION_ID",
    "CLAUDE_CODE_SESSION_ID",
    "CODEX_SESSION_ID",
    "CODEX_THREAD_ID",
    "CODEX_TOOL_CALL_ID",
    "GEMINI_SESSION_ID",
];

/// Variables with which an agent's client itself logs in. A handler that is such a client gets them
/// by name alone (`--handler-env`).
pub(super) const LOGINS: [&str; 9] = [
    "CLAUDE_CODE_CLIENT_KEY_PASSPHRASE",
    "CLAUDE_CODE_OAUTH_REFRESH_TOKEN",
    "CLAUDE_CODE_OAUTH_TOKEN",
    "CODEX_ACCESS_TOKEN",
    "CODEX_API_KEY",
    "CURSOR_API_KEY",
    "CURSOR_AUTH_TOKEN",
    "OPENCODE_API_KEY",
    "OPENCODE_AUTH_CONTENT",
];
