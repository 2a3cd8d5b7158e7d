//! The `asyncapy` command; all of it is in the library's layer `cli`.

fn main() -> std::process::ExitCode {
    asyncapy::cli::main()
}
