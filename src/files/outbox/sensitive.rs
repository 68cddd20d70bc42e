//! Things that commonly hold secrets, known by their place, their name, or the private key in their
//! first bytes.

use crate::files::acting::{among, names};
use crate::platform::file::{AsHandle, fill_at};
use crate::platform::places::SECRETS;
use std::io;
use std::path::Path;

/// Names that hold secrets wherever they are, alone or below others; with a slash in front, from
/// the root on. Each with all that is in it.
const PLACES: &[&str] = &[
    // Keys and passwords: ssh(1), gpg(1), NSS, and the stores of passwords: pass, gopass, Secret
    // Service, KWallet, KeePassXC, Bitwarden, 1Password, LastPass, macOS.
    ".ssh",
    ".gnupg",
    ".pki",
    ".password-store",
    ".config/gopass",
    ".local/share/gopass",
    ".local/share/keyrings",
    ".gnome2/keyrings",
    ".local/share/kwalletd",
    ".kde/share/apps/kwallet",
    ".kde4/share/apps/kwallet",
    "library/keychains",
    ".config/keepassxc",
    ".cache/keepassxc",
    ".config/bitwarden",
    ".config/bitwarden cli",
    ".config/rbw",
    ".local/share/rbw",
    ".config/op",
    ".op",
    ".config/1password",
    ".lpass",
    ".config/lpass",
    ".local/share/lpass",
    ".google_authenticator",
    ".yubico",
    ".config/age",
    ".config/sops",
    // Wallets.
    ".bitcoin",
    ".litecoin",
    ".dogecoin",
    ".dash",
    ".zcash",
    ".monero",
    ".bitmonero",
    ".ethereum",
    ".electrum",
    ".config/solana",
    ".config/exodus",
    ".config/atomic",
    ".config/ledger live",
    ".foundry/keystores",
    ".brownie/accounts",
    ".near-credentials",
    ".cardano",
    ".cosmos",
    ".sui",
    ".aptos",
    // Logins of clouds and services, each where its own program keeps it.
    ".aws",
    ".azure",
    ".config/gcloud",
    ".boto",
    ".s3cfg",
    ".mc",
    ".oci",
    ".aliyun",
    ".bluemix",
    ".config/doctl",
    ".config/hcloud",
    ".config/linode-cli",
    ".config/scw",
    ".config/heroku",
    ".fly",
    ".config/netlify",
    ".vercel",
    ".config/vercel",
    ".local/share/com.vercel.cli",
    ".wrangler",
    ".config/.wrangler",
    ".railway",
    ".supabase",
    ".config/stripe",
    ".sentryclirc",
    ".pulumi",
    ".terraform.d",
    ".terraformrc",
    ".vault-token",
    ".kube",
    ".config/helm",
    ".docker/config.json",
    ".docker/contexts",
    ".dockercfg",
    ".config/containers/auth.json",
    ".config/rclone",
    ".ngrok2",
    ".config/ngrok",
    ".cloudflared",
    ".config/gh",
    ".config/hub",
    ".config/glab-cli",
    ".config/tea",
    ".databrickscfg",
    ".snowflake",
    ".config/snowflake",
    ".dbt",
    ".kaggle",
    ".huggingface",
    ".cache/huggingface/token",
    ".config/wandb",
    ".circleci/cli.yml",
    ".config/nextcloud",
    ".config/syncthing",
    ".config/filezilla",
    ".filezilla",
    ".smbcredentials",
    ".davfs2",
    ".vnc",
    ".config/remmina",
    ".local/share/remmina",
    ".xauthority",
    // Passwords in the text: netrc(5), mail, git-credential-store(1), package registries,
    // databases, Apache.
    ".netrc",
    "_netrc",
    ".authinfo",
    ".msmtprc",
    ".fetchmailrc",
    ".mbsyncrc",
    ".offlineimaprc",
    ".git-credentials",
    ".config/git/credentials",
    ".cache/git/credential",
    ".npmrc",
    ".config/configstore",
    ".pypirc",
    ".pip",
    ".config/pip",
    ".config/pypoetry/auth.toml",
    ".condarc",
    ".cargo/credentials",
    ".cargo/credentials.toml",
    ".gem/credentials",
    ".bundle/config",
    ".composer/auth.json",
    ".config/composer/auth.json",
    ".nuget",
    ".config/nuget",
    ".gradle/gradle.properties",
    ".m2/settings.xml",
    ".m2/settings-security.xml",
    ".sbt/.credentials",
    ".ivy2/.credentials",
    ".pub-cache/credentials.json",
    ".pgpass",
    ".pg_service.conf",
    ".my.cnf",
    ".mylogin.cnf",
    ".mongorc.js",
    ".htpasswd",
    ".htdigest",
    ".secrets",
    // Logins of the agents themselves, the tokens of their MCP servers, and what was said to them.
    ".claude/.credentials.json",
    ".claude/projects",
    ".claude/history.jsonl",
    ".claude.json",
    ".codex/auth.json",
    ".codex/sessions",
    ".codex/history.jsonl",
    ".gemini",
    ".qwen",
    ".copilot",
    ".config/github-copilot",
    ".config/cursor",
    ".local/share/opencode",
    ".config/goose",
    ".local/share/goose",
    ".config/crush",
    ".local/share/crush",
    ".config/amp",
    ".local/share/amp",
    ".continue",
    ".codeium",
    ".aider.chat.history.md",
    // Browsers, mail and messengers, also from Flatpak, Snap and on macOS and Windows: cookies are
    // logins.
    ".mozilla",
    ".librewolf",
    ".waterfox",
    ".zen",
    ".config/mozilla",
    ".config/google-chrome",
    ".config/google-chrome-beta",
    ".config/google-chrome-unstable",
    ".config/chromium",
    ".config/bravesoftware",
    ".config/microsoft-edge",
    ".config/vivaldi",
    ".config/opera",
    ".config/qutebrowser",
    ".local/share/qutebrowser",
    ".local/share/epiphany",
    ".local/share/torbrowser",
    ".var/app",
    "snap/firefox",
    "snap/chromium",
    "snap/brave",
    ".thunderbird",
    ".config/evolution",
    ".local/share/evolution",
    ".config/slack",
    ".config/discord",
    ".config/signal",
    ".config/element",
    ".local/share/telegramdesktop",
    ".purple",
    ".irssi",
    ".weechat",
    "library/application support",
    "appdata",
    // Histories, in which passwords and tokens were typed; those called `.NAME_history` are known
    // by that.
    ".history",
    ".histfile",
    ".zhistory",
    ".zsh_sessions",
    ".bash_sessions",
    ".lesshst",
    ".viminfo",
    ".dbshell",
    ".local/share/fish",
    ".local/share/nushell",
    ".config/nushell/history.txt",
    ".local/share/powershell",
    ".local/state/bash",
    ".local/share/atuin",
    ".local/share/mcfly",
    ".local/share/zoxide",
    // Our own: the configuration; received secrets, and the sockets of sessions.
    ".config/pinhole",
    ".local/state/pinhole",
];

/// Keys of ssh-keygen(1) under the names that it gives them.
const KEYS: [&str; 6] =
    ["id_rsa", "id_dsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk"];

/// Ends of the names of keys, and of stores of keys, passwords and states; what else is PEM is
/// known by its content.
const ENDS: [&str; 26] = [
    ".key",
    ".ppk",
    ".p12",
    ".pfx",
    ".pkcs12",
    ".jks",
    ".jceks",
    ".bcfks",
    ".keystore",
    ".kdb",
    ".kdbx",
    ".psafe3",
    ".agilekeychain",
    ".opvault",
    ".1pif",
    ".keychain",
    ".keychain-db",
    ".wallet",
    ".ovpn",
    ".env",
    ".tfvars",
    ".tfvars.json",
    ".tfstate",
    ".tfstate.backup",
    ".publishsettings",
    ".mobileprovision",
];

/// Whole names of files that programs keep logins in, wherever they are copied to.
const FILES: [&str; 22] = [
    // Firefox, Chromium.
    "logins.json",
    "key3.db",
    "key4.db",
    "signons.sqlite",
    "cookies.sqlite",
    "login data",
    "web data",
    // Wallets.
    "wallet.dat",
    // Clouds and services.
    "credentials.json",
    "client_secret.json",
    "service-account.json",
    "service_account.json",
    "serviceaccount.json",
    "application_default_credentials.json",
    "accesstokens.json",
    "msal_token_cache.json",
    "kubeconfig",
    // Projects.
    "secrets.yml",
    "secrets.yaml",
    "secrets.json",
    "secrets.toml",
    ".vault_pass",
];

/// Those of the `.env` files that are written to be shared.
const EXAMPLES: [&str; 4] = [".env.example", ".env.sample", ".env.template", ".env.dist"];

/// Bytes in which a private key is looked for: room for a chain of certificates before it.
const FIRST: usize = 16 << 10;

/// The name or place in this path that commonly holds secrets: its own, or of a folder around it.
pub(super) fn by_path(path: &Path) -> Option<String> {
    place(path).or_else(|| names(path).into_iter().find(|name| is_telling(name)))
}

/// The place that holds secrets wherever it is, if this path is in one. A key's or dotenv file's
/// own name is none.
pub(super) fn place(path: &Path) -> Option<String> {
    among(PLACES, path).or_else(|| among(SECRETS, path))
}

/// True if a name alone shows that secrets are in it.
fn is_telling(name: &str) -> bool {
    let environment = name.starts_with(".env") && !EXAMPLES.contains(&name);
    let history = name.starts_with('.') && name.ends_with("_history");
    environment
        || history
        || KEYS.contains(&name)
        || FILES.contains(&name)
        || name.contains(".tfstate.")
        || ENDS.iter().any(|end| name.ends_with(end))
}

/// True if the file holds a private key near its beginning.
///
/// # Errors
/// It cannot be read.
pub(super) fn by_content(file: &impl AsHandle) -> io::Result<bool> {
    let mut bytes = vec![0; FIRST];
    let read = fill_at(file, &mut bytes, 0)?;
    Ok(holds_key(bytes.get(..read).unwrap_or_default()))
}

/// The same of a file's content.
pub(super) fn is_in(content: &[u8]) -> bool {
    holds_key(content.get(..FIRST).unwrap_or(content))
}

/// True if there is a private key in these bytes, in a form that says so. The forms are PEM with a
/// body (RFC 7468, OpenSSH, OpenPGP; also inside a JSON string), PuTTY's, age's. Source code that
/// only names them has none.
fn holds_key(bytes: &[u8]) -> bool {
    let pem = |rest: &[u8]| {
        let label = rest
            .iter()
            .take_while(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || **byte == b' ')
            .count();
        let (label, rest) = rest.split_at(label);
        let private = label.ends_with(b"PRIVATE KEY") || label.ends_with(b"PRIVATE KEY BLOCK");
        private && rest.strip_prefix(b"-----").is_some_and(has_body)
    };
    // Bech32 in capitals; 16 letters are more than any text about these keys has there.
    let age = |rest: &[u8]| {
        rest.iter().take_while(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()).count()
            >= 16
    };
    bytes.starts_with(b"PuTTY-User-Key-File-")
        || after(bytes, b"-----BEGIN ").any(pem)
        || after(bytes, b"AGE-SECRET-KEY-1").any(age)
}

/// True if a line ends here, perhaps as an escape, and the next one begins with a letter or digit.
fn has_body(mut rest: &[u8]) -> bool {
    let mut ended = false;
    loop {
        rest = match rest {
            [b'\n' | b'\r', more @ ..] | [b'\\', b'n' | b'r', more @ ..] => {
                ended = true;
                more
            }
            [b' ' | b'\t' | b'\\', more @ ..] => more,
            [next, ..] => return ended && next.is_ascii_alphanumeric(),
            [] => return false,
        };
    }
}

/// The bytes after each `mark` in `bytes`.
fn after<'a>(bytes: &'a [u8], mark: &'static [u8]) -> impl Iterator<Item = &'a [u8]> {
    (0..bytes.len()).filter_map(move |at| bytes.get(at..)?.strip_prefix(mark))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn says(path: &str) -> Option<String> {
        by_path(Path::new(path))
    }

    #[test]
    fn places_and_names_are_known_however_they_are_written() {
        let telling = [
            ("/home/mo/.ssh/config", ".ssh"),
            ("/backup/home/mo/.SSH", ".ssh"),
            ("/home/mo/.\u{17f}s\u{200d}h/config", ".ssh"),
            ("/home/mo/.\u{df}h/config", ".ssh"),
            (".aws/credentials", ".aws"),
            ("/home/mo/.config/gcloud/x", ".config/gcloud"),
            ("/home/mo/.Docker/Config.json", ".docker/config.json"),
            ("/home/mo/.local/share/opencode/auth.json", ".local/share/opencode"),
            ("/home/mo/.claude.json", ".claude.json"),
            ("/home/mo/.config/git/credentials", ".config/git/credentials"),
            (
                "/home/mo/.config/BraveSoftware/Brave-Browser/Default/Cookies",
                ".config/bravesoftware",
            ),
            ("/etc/shadow", "/etc/shadow"),
            ("/proc/1/environ", "/proc"),
            ("/home/mo/.local/state/pinhole/in/API_KEY", ".local/state/pinhole"),
            ("/project/.env", ".env"),
            ("/project/.env.production", ".env.production"),
            ("/project/.envrc", ".envrc"),
            ("/project/prod.ENV", "prod.env"),
            ("/project/id_rsa", "id_rsa"),
            ("/project/ID_ED25519", "id_ed25519"),
            ("/project/server.key", "server.key"),
            ("/home/mo/.bash_history", ".bash_history"),
            ("/home/mo/.cargo/credentials", ".cargo/credentials"),
            ("/home/mo/.config/GitHub-Copilot/apps.json", ".config/github-copilot"),
            (
                "/Users/mo/Library/Application Support/Google/Chrome/Default/Cookies",
                "library/application support",
            ),
            ("/project/terraform.tfstate", "terraform.tfstate"),
            ("/project/terraform.tfstate.d/x", "terraform.tfstate.d"),
            ("/project/prod.auto.tfvars", "prod.auto.tfvars"),
            ("/backup/profile/Login Data", "login data"),
        ];
        for (path, what) in telling {
            assert_eq!(says(path).as_deref(), Some(what), "{path}");
        }
        let harmless = [
            "/project/.env.example",
            "/project/.env.sample",
            "/project/.env.template",
            "/project/ssh/config",
            "/project/.sshd",
            "/project/id_rsa.pub",
            "/project/monkey",
            "/project/environment",
            "/project/etc/shadow",
            "etc/shadow",
            "/project/.docker/daemon.json",
            "/project/.config/other",
            "/project/proc/cpuinfo",
            "/",
            "",
        ];
        for path in harmless {
            assert_eq!(says(path), None, "{path}");
        }
    }

    /// A key's text that is nobody's key, in pieces, so that this file holds none.
    fn pem(label: &str, end: &str) -> String {
        format!("-----BEGIN {label}-----{end}bm9ib2R5cyBrZXk{end}")
    }

    #[test]
    fn a_private_key_is_known_by_its_text() {
        let labels = [
            "PRIVATE KEY",
            "RSA PRIVATE KEY",
            "EC PRIVATE KEY",
            "ENCRYPTED PRIVATE KEY",
            "OPENSSH PRIVATE KEY",
            "PGP PRIVATE KEY BLOCK",
        ];
        for label in labels {
            for end in ["\n", "\r\n", "\\n", "\\\\n", " \n\t  "] {
                assert!(holds_key(pem(label, end).as_bytes()), "{label} {end:?}");
            }
        }
        assert!(
            holds_key(format!("{}{}", "x".repeat(9_000), pem("PRIVATE KEY", "\n")).as_bytes()),
            "behind certificates"
        );
        assert!(holds_key(b"PuTTY-User-Key-File-3: ssh-ed25519"));
        assert!(holds_key(format!("# a comment\nAGE-SECRET-KEY-1{}", "Q".repeat(58)).as_bytes()));
        for other in ["PUBLIC KEY", "CERTIFICATE", "PRIVATE KEYS"] {
            assert!(!holds_key(pem(other, "\n").as_bytes()), "{other}");
        }
        // Text that names a key's form and is none.
        for text in [
            "lines of -----BEGIN PRIVATE KEY----- and so on",
            "\"-----BEGIN PRIVATE KEY-----\\n\" + body",
            "AGE-SECRET-KEY-1...",
        ] {
            assert!(!holds_key(text.as_bytes()), "{text}");
        }
        assert!(!holds_key(include_bytes!("sensitive.rs")), "this file would not be sent");
    }

    #[test]
    fn the_content_is_looked_at_as_far_as_it_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let holds = |before: usize| {
            let path = dir.path().join("file");
            std::fs::write(&path, format!("{}{}", " ".repeat(before), pem("PRIVATE KEY", "\n")))
                .unwrap();
            by_content(&std::fs::File::open(path).unwrap()).unwrap()
        };
        assert_eq!((holds(0), holds(FIRST - 40), holds(FIRST)), (true, true, false));
        assert!(by_content(&std::fs::File::open(dir.path()).unwrap()).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_and_any_path_are_looked_at(
            bytes: Vec<u8>,
            at in 0..200usize,
            path: String,
            end in r"(\\n|\\r|[ \n\r\t])*",
        ) {
            let mut bytes = bytes;
            let _ = holds_key(&bytes);
            let key = format!("-----BEGIN RSA PRIVATE KEY-----{end}\nb");
            bytes.splice(at.min(bytes.len())..at.min(bytes.len()), key.bytes());
            prop_assert!(holds_key(&bytes));
            let _ = says(&path);
            let below = says(&format!("/{}/.ssh/x", path.replace('\0', "")));
            prop_assert!(below.is_some());
        }
    }
}
