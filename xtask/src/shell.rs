//! Runs programs, and says what is running while it takes long.

use anyhow::{Context, Result, bail};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How long a quiet program runs before we say that it is still at it, and again every so long.
const STILL_RUNNING: Duration = Duration::from_secs(10);
/// How much of a failed program's output is shown.
const TAIL_LINES: usize = 25;

/// Runs a program whose output the user wants to see as it comes.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    say("run", &line(command));
    let status = command.status().with_context(|| format!("start `{}`", line(command)))?;
    if !status.success() {
        bail!("`{}` failed: {status}", line(command));
    }
    Ok(())
}

/// Runs a program whose output matters only when it fails; it goes to `log`. Gives up after `limit`.
pub(crate) fn run_quietly(command: &mut Command, log: &Path, limit: Duration) -> Result<()> {
    let shown = line(command);
    if let Some(folder) = log.parent() {
        fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
    }
    let output = File::create(log).with_context(|| format!("create {}", log.display()))?;
    let errors = output.try_clone().context("share the log file")?;
    let started = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors)
        .spawn()
        .with_context(|| format!("start `{shown}`"))?;
    let mut told = 0;
    let status = loop {
        if let Some(status) = child.try_wait().with_context(|| format!("wait for `{shown}`"))? {
            break status;
        }
        let elapsed = started.elapsed();
        if elapsed > limit {
            child.kill().with_context(|| format!("stop `{shown}`"))?;
            child.wait().with_context(|| format!("wait for `{shown}`"))?;
            bail!(
                "`{shown}` did not finish within {} s; its output is in {}",
                limit.as_secs(),
                log.display()
            );
        }
        if elapsed.as_secs() / STILL_RUNNING.as_secs() > told {
            told = elapsed.as_secs() / STILL_RUNNING.as_secs();
            say("", &format!("... still running after {} s", elapsed.as_secs()));
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    if !status.success() {
        bail!("`{shown}` failed: {status}\n{}", tail(log));
    }
    Ok(())
}

/// What a program prints on its standard output, if it succeeds.
pub(crate) fn stdout_of(command: &mut Command) -> Result<String> {
    let shown = line(command);
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("start `{shown}`"))?;
    if !output.status.success() {
        bail!(
            "`{shown}` failed: {}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
    }
    String::from_utf8(output.stdout).with_context(|| format!("read what `{shown}` printed"))
}

/// Everything a program prints, however it ends: some print their version with a failing exit code. None if it cannot be started.
pub(crate) fn anything_from(command: &mut Command) -> Option<(ExitStatus, String)> {
    let output = command.stdin(Stdio::null()).output().ok()?;
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    Some((output.status, text))
}

/// Narrates one line, on standard error.
pub(crate) fn say(what: &str, line: &str) {
    eprintln!("{what:>15}  {line}");
}

/// A whole number of seconds when it is long, tenths when it is short.
pub(crate) fn seconds(elapsed: Duration) -> String {
    if elapsed.as_secs() >= 10 {
        format!("{} s", elapsed.as_secs())
    } else {
        format!("{:.1} s", elapsed.as_secs_f64())
    }
}

/// The program `name` in the folders of a `PATH` variable, every one of them, in order.
pub(crate) fn on_path(name: &str, path: &OsStr) -> Vec<PathBuf> {
    std::env::split_paths(path)
        .map(|folder| folder.join(name))
        .filter(|file| is_executable(file))
        .collect()
}

fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(file).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// The command as one would type it.
fn line(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let mut words = vec![
        program
            .file_name()
            .unwrap_or(program.as_os_str())
            .to_string_lossy()
            .into_owned(),
    ];
    words.extend(command.get_args().map(|word| {
        let word = word.to_string_lossy();
        if word.contains(' ') {
            format!("'{word}'")
        } else {
            word.into_owned()
        }
    }));
    words.join(" ")
}

/// The end of what a program wrote, for people.
pub(crate) fn tail(log: &Path) -> String {
    let text = fs::read(log)
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let shown = lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n    ");
    format!("    {shown}\n(whole output: {})", log.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_program_is_reported_with_the_end_of_its_output() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let mut command = Command::new("sh");
        command.args(["-c", "echo first the good; echo then the bad >&2; exit 3"]);
        let error = run_quietly(
            &mut command,
            &folder.path().join("logs/step.log"),
            Duration::from_secs(60),
        )
        .expect_err("exit code 3")
        .to_string();
        assert!(
            error.contains("exit status: 3") && error.contains("then the bad"),
            "{error}"
        );
    }

    #[test]
    fn a_program_that_hangs_is_stopped() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let error = run_quietly(
            Command::new("sleep").arg("600"),
            &folder.path().join("step.log"),
            Duration::from_millis(100),
        )
        .expect_err("stopped")
        .to_string();
        assert!(error.contains("did not finish"), "{error}");
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = stdout_of(&mut Command::new("no-such-program-anywhere"))
            .expect_err("missing")
            .to_string();
        assert!(error.contains("no-such-program-anywhere"), "{error}");
    }

    #[test]
    fn programs_are_found_on_the_path_in_order_and_only_if_executable() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("temporary folder");
        for (name, mode) in [("a", 0o755), ("b", 0o644), ("c", 0o755)] {
            let file = folder.path().join(name).join("tool");
            fs::create_dir(folder.path().join(name)).expect("create folder");
            fs::write(&file, "").expect("write file");
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("set mode");
        }
        let path = std::env::join_paths(["c", "b", "missing", "a"].map(|name| folder.path().join(name))).expect("path");
        let expect = ["c", "a"].map(|name| folder.path().join(name).join("tool"));
        assert_eq!(on_path("tool", &path), expect);
    }
}
