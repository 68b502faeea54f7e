//! The binary: what was typed is read, done, and answered by an exit code.

use std::io::{IsTerminal, Write};
use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use futures_util::FutureExt;
use leadhook::commands::exit::Failure;
use leadhook::commands::{Cli, exit, run};
use leadhook::store::Store;

/// At the end of the process, what still waits for a disk that does not answer is left alone.
const PATIENCE: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    let cli = Cli::parse();
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !Store::guards_this_thread() {
            report(panic);
        }
    }));
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            say(&format!("leadhook: the system gives no threads: {error}"));
            return Failure::unavailable(error).code();
        }
    };
    let code = runtime.block_on(answer(cli));
    runtime.shutdown_timeout(PATIENCE);
    code
}

async fn answer(cli: Cli) -> ExitCode {
    match AssertUnwindSafe(run(cli)).catch_unwind().await {
        Ok(Ok(exit)) => exit.into(),
        Ok(Err(failure)) => {
            say(&failure.render(std::io::stderr().is_terminal()));
            failure.code()
        }
        Err(_) => {
            say(
                "leadhook: this is a bug in leadhook, not in what you did. Nothing that was acknowledged is lost; start it \
                 again, and please report what stands above",
            );
            ExitCode::from(exit::BUG)
        }
    }
}

fn say(text: &str) {
    if text.is_empty() {
        return;
    }
    // Where standard error is gone there is nobody left to tell.
    let _ = writeln!(anstream::stderr().lock(), "{}", text.trim_end());
}
