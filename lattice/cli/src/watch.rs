//! Showing something again whenever it changes.

use std::{future::Future, io::IsTerminal, time::Duration};

use anyhow::Result;

use crate::{
    app::App,
    output::{Document, Format, warn, write_stdout},
};

/// Between two looks. Short enough to feel live, long enough that a screen of them is no load on anybody.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

/// Fetches and prints until Ctrl-C: on a terminal the screen is kept up to date, elsewhere every change is appended; JSON comes
/// as one document a line.
pub(crate) async fn watch<F: Future<Output = Result<Document>>>(app: &App, fetch: impl Fn() -> F) -> Result<()> {
    let clears = std::io::stdout().is_terminal() && matches!(app.format, Format::Table | Format::Wide);
    let (mut last, mut trouble) = (None, None);
    let watching = async {
        loop {
            let document = match fetch().await {
                Ok(document) => document,
                // The first look may fail for good reason; a later one mostly means that NATS or a host is away for a moment.
                Err(error) if last.is_none() => return Err(error),
                Err(error) => {
                    let text = format!("{error:#}");
                    if trouble.as_ref() != Some(&text) {
                        warn(&text);
                        trouble = Some(text);
                    }
                    tokio::time::sleep(BETWEEN_LOOKS).await;
                    continue;
                }
            };
            trouble = None;
            let text = match app.format {
                Format::Json => document.json_line()?,
                format => document.render(format)?,
            };
            if last.as_ref() != Some(&text) {
                // Home, then clear below: no flicker, and what was above stays.
                let lead = if clears { "\u{1b}[H\u{1b}[J" } else { "" };
                write_stdout(&format!("{lead}{text}"))?;
                last = Some(text);
            }
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
    };
    tokio::select! {
        outcome = watching => outcome,
        // What people do to end a watch is no failure.
        interrupted = tokio::signal::ctrl_c() => Ok(interrupted?),
    }
}
