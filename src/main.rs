//! Parses the command line, runs the command, ends with its status.

fn main() -> std::process::ExitCode {
    pinhole::cli::main().into()
}
