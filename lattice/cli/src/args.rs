//! What can be typed: flags that every command takes, and the commands.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand};
use lattice_core::LatticeId;

use crate::{app::App, commands, output::Format};

/// Runs WebAssembly actors on any machine that NATS reaches, and moves them between machines while they run.
#[derive(Debug, Parser)]
#[command(name = "lattice", version, propagate_version = true, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 done, 1 failed, 2 usage, 3 not found, 4 denied or not verified, 5 timeout, 6 conflict, 7 differs, 130 interrupted."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags that every command takes.
#[derive(Args, Debug)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// How to print results
    #[arg(short, long, global = true, value_enum, default_value_t)]
    pub(crate) output: Format,
    /// Which context to use, instead of the selected one (`lattice context ls`)
    #[arg(long, global = true, env = "LATTICE_CONTEXT", value_name = "NAME")]
    pub(crate) context: Option<String>,
    /// Which lattice, instead of the context's
    #[arg(long, global = true, env = "LATTICE_ID", value_name = "ID")]
    pub(crate) lattice: Option<LatticeId>,
    /// NATS servers, separated by commas
    #[arg(long, global = true, env = "LATTICE_NATS_URL", value_name = "URL")]
    pub(crate) nats_url: Option<String>,
    /// NATS credentials file
    #[arg(long, global = true, env = "LATTICE_NATS_CREDS", value_name = "FILE")]
    pub(crate) creds: Option<PathBuf>,
    /// A context of the `nats` CLI to take the connection from; `-` for the selected one
    #[arg(long, global = true, env = "LATTICE_NATS_CONTEXT", value_name = "NAME")]
    pub(crate) nats_context: Option<String>,
    /// How long the whole command may take
    #[arg(long, global = true, value_name = "DURATION", value_parser = duration, default_value = "60s")]
    pub(crate) timeout: Duration,
    /// Shows what goes on underneath; twice for more
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// When to colour the output; NO_COLOR and CLICOLOR_FORCE are heeded too
    #[arg(long, global = true, value_enum, default_value_t)]
    pub(crate) color: Color,
}

/// When to colour the output.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, clap::ValueEnum)]
pub(crate) enum Color {
    /// On a terminal.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Color {
    /// Makes it so for the whole process.
    pub(crate) fn write_global(self) {
        match self {
            Self::Auto => anstream::ColorChoice::Auto,
            Self::Always => anstream::ColorChoice::Always,
            Self::Never => anstream::ColorChoice::Never,
        }
        .write_global();
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Up(commands::up::Up),
    Down(commands::down::Down),
    New(commands::new::New),
    Dev(commands::dev::Dev),
    Get(commands::get::Get),
    Describe(commands::describe::Describe),
    Events(commands::events::Events),
    Logs(commands::logs::Logs),
    Top(commands::top::Top),
    Trace(commands::trace::Trace),
    Ui(commands::ui::Ui),
    Start(commands::start::Start),
    Stop(commands::stop::Stop),
    Apply(commands::apply::Apply),
    Diff(commands::diff::Diff),
    Validate(commands::validate::Validate),
    App(commands::app::App),
    Wait(commands::wait::Wait),
    Scale(commands::scale::ScaleActor),
    Move(commands::relocate::Move),
    Cordon(commands::cordon::Cordon),
    Uncordon(commands::cordon::Uncordon),
    Drain(commands::drain::Drain),
    Link(commands::link::Link),
    Key(commands::key::Key),
    Push(commands::push::Push),
    Pull(commands::pull::Pull),
    Bundle(commands::bundle::Bundle),
    Host(commands::host::Host),
    Site(commands::site::Site),
    Inspect(commands::inspect::Inspect),
    Aot(commands::aot::Aot),
    Call(commands::call::Call),
    Doctor(commands::doctor::Doctor),
    Context(commands::context::Context),
    Completion(commands::completion::Completion),
    #[command(hide = true)]
    Man(commands::man::Man),
    Version(commands::version::Version),
}

impl Command {
    /// Whether the command ends gracefully by itself on Ctrl-C.
    pub(crate) fn handles_interrupts(&self) -> bool {
        matches!(
            self,
            Self::Up(_)
                | Self::Dev(_)
                | Self::Get(_)
                | Self::Events(_)
                | Self::Logs(_)
                | Self::Top(_)
                | Self::Trace(_)
                | Self::Ui(_)
        )
    }

    /// Carries the command out.
    pub(crate) async fn run(self, app: &App) -> anyhow::Result<()> {
        match self {
            Self::Up(command) => command.run(app).await,
            Self::Down(command) => command.run(app).await,
            Self::New(command) => command.run(app),
            Self::Dev(command) => command.run(app).await,
            Self::Get(command) => command.run(app).await,
            Self::Describe(command) => command.run(app).await,
            Self::Events(command) => command.run(app).await,
            Self::Logs(command) => command.run(app).await,
            Self::Top(command) => command.run(app).await,
            Self::Trace(command) => command.run(app).await,
            Self::Ui(command) => command.run(app).await,
            Self::Start(command) => command.run(app).await,
            Self::Stop(command) => command.run(app).await,
            Self::Apply(command) => command.run(app).await,
            Self::Diff(command) => command.run(app).await,
            Self::Validate(command) => command.run(app).await,
            Self::App(command) => command.run(app).await,
            Self::Wait(command) => command.run(app).await,
            Self::Scale(command) => command.run(app).await,
            Self::Move(command) => command.run(app).await,
            Self::Cordon(command) => command.run(app).await,
            Self::Uncordon(command) => command.run(app).await,
            Self::Drain(command) => command.run(app).await,
            Self::Link(command) => command.run(app).await,
            Self::Key(command) => command.run(app).await,
            Self::Push(command) => command.run(app).await,
            Self::Pull(command) => command.run(app).await,
            Self::Bundle(command) => command.run(app).await,
            Self::Host(command) => command.run(app).await,
            Self::Site(command) => command.run(app),
            Self::Inspect(command) => command.run(app).await,
            Self::Aot(command) => command.run(app).await,
            Self::Call(command) => command.run(app).await,
            Self::Doctor(command) => command.run(app).await,
            Self::Context(command) => command.run(app),
            Self::Completion(command) => command.run(),
            Self::Man(command) => command.run(),
            Self::Version(command) => command.run(app).await,
        }
    }
}

/// Reads `30s`, `1h30m`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    lattice_core::text::parse_duration(text).map_err(|error| error.to_string())
}

/// Reads `key=value`.
pub(crate) fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some(("", _)) | None => Err("write key=value".to_owned()),
        Some((key, value)) => Ok((key.to_owned(), value.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_commands_are_put_together_well() {
        Cli::command().debug_assert();
    }

    #[test]
    fn what_people_type_is_understood() {
        for line in [
            "up",
            "up --detached --name cloud --label zone=eu --host edge:zone=garage --nats-port 4222",
            "down --grace 5s",
            "new greeter --lang go",
            "new greeter --lang javascript --out projects/greeter -o json",
            "dev",
            "dev app --build make --component out.wasm --name hello --address 127.0.0.1:0 --config a=b --ignore out --keep",
            "dev --manifest shop.yaml",
            "get hosts",
            "get actor hello -o json -w",
            "get links -o wide",
            "describe host cloud",
            "start actor hello ./hello.wasm --replicas 3 --label zone=eu --config greeting=hi --limit memory=64MiB --reuse 200",
            "start actor hello file:///hello.wasm --host cloud",
            "start actor cart ./cart.wasm --state durability=checkpoint:5s --state idle-after=5m",
            "describe actor cart/alice",
            "events",
            "events -w --for actor/cart --since 10m --limit 5 --type actor-failed --json",
            "events --for cart/alice -o wide",
            "events --for link/lnk:default/actor/a/wasi:keyvalue/default",
            "logs hello",
            "logs cart/alice -f --host edge --since 5m --tail 20 --level warn --json",
            "top",
            "top --once --every 500ms -o json",
            "trace",
            "trace last --actor cart/alice",
            "trace 4bf92f3577b34da6a3ce929d0e0e4736 -o wide",
            "trace 4bf92f35 --json",
            "trace --actor cart --errors --slow 100ms -n 5",
            "trace --follow http://127.0.0.1:8080/a?b=c",
            "trace --follow actor/cart --errors",
            "ui",
            "ui --listen 127.0.0.1:0 --open --jaeger http://127.0.0.1:16686",
            "ui --listen 0.0.0.0:80 --allow-remote",
            "start provider http http-server --config address=127.0.0.1:8080",
            "stop actor hello --drain 5s",
            "stop host edge",
            "scale hello 6 --label zone=eu",
            "move hello --from cloud --to edge",
            "link put http wasi:http/incoming-handler hello --config path=/",
            "link put actor/counter wasi:keyvalue provider/kv --function get --function set --expires 30d --label second",
            "link del actor/counter wasi:keyvalue",
            "link del lnk:default/actor/counter/wasi:keyvalue/default",
            "link get",
            "link verify --file -",
            "key gen host --out h.seed",
            "key show",
            "key enroll edge --label zone=edge --out /tmp/edge",
            "key provider-creds redis",
            "key revoke edge",
            "key policy",
            "key policy --images signed",
            "push hello.wasm 127.0.0.1:5000/hello:1 --sign --sign-key i.seed",
            "pull ghcr.io/shop/hello:1 --out hello.wasm --insecure-registry 10.0.0.5:5000",
            "bundle save shop.tar ghcr.io/shop/web:1.0 hello.wasm -f shop.yaml",
            "bundle load shop.tar",
            "start actor hello ghcr.io/shop/hello:1 --bundle shop.tar --sign",
            "apply -f shop.yaml --prefetch --sign --bundle shop.tar",
            "inspect ghcr.io/shop/hello:1",
            "host invite --name pi-4 --label site=field --expires 15m --lasts 90d --via nats://10.0.0.1:4222 --yes --out -",
            "host enroll lattice1.x --root /mnt --nats-url nats://127.0.0.1:4222 --creds a.creds",
            "host enroll - --out pi --tls-ca ca.pem",
            "host install --root /mnt --program /opt/lattice-host --dry-run",
            "man --out /tmp/man",
            "inspect hello.wasm",
            "aot hello.wasm --for pi --store",
            "aot hello.wasm --target aarch64-unknown-linux-gnu --profile server --out hello.cwasm --sign --expires 30d",
            "aot hello.cwasm --store",
            "call pong demo:pong/pong.ping \"hi\" -3",
            "call pong demo:pong/pong.ping [1,2] --json",
            "validate -f shop.yaml -f more.json --image-aliases a.yaml --env",
            "validate --schema",
            "diff -f shop.yaml",
            "apply -f - --wait --if-revision 3",
            "apply -f shop.yaml --dry-run --allow-latest",
            "app list --deleted",
            "app ls",
            "app get shop --revision 2 -o json",
            "app status shop",
            "app history shop -o wide",
            "app rollback shop --to 3",
            "app delete shop --force --no-wait",
            "wait app/shop --for ready",
            "wait shop --for deleted --timeout 5m",
            "cordon edge",
            "uncordon edge",
            "drain edge --drain 5s",
            "doctor -o yaml",
            "context use local",
            "completion bash",
            "version",
            "-v --timeout 2m --nats-url nats://a:1,nats://b:2 --creds c.creds get hosts",
        ] {
            let words = std::iter::once("lattice").chain(line.split(' '));
            if let Err(error) = Cli::try_parse_from(words) {
                panic!("{line}: {error}");
            }
        }
    }

    #[test]
    fn mistakes_are_usage_errors() {
        for line in [
            "",
            "get",
            "get things",
            "events --for Cart",
            "events --since soon",
            "logs",
            "logs hello --level loud",
            "top --every often",
            "trace 4b",
            "trace --follow cart",
            "trace last --follow actor/cart",
            "trace -n 0",
            "ui --listen localhost",
            "ui --jaeger javascript:alert(1)",
            "start actor",
            "start actor Hello x.wasm",
            "start actor hello x.wasm --replicas -1",
            "start actor hello x.wasm --label zone",
            "start actor hello x.wasm --host a --label b=c",
            "start actor hello x.wasm --reuse sometimes",
            "start actor hello x.wasm --state volatile",
            "scale hello many",
            "move hello --from edge",
            "wait shop --for ever",
            "app",
            "link put a b",
            "link put actor/a not-an-interface provider/b",
            "link put actor/a wasi:keyvalue provider/b --expires soon",
            "key enroll edge --key SNOPE",
            "host invite",
            "host invite --name Pi",
            "host invite --name pi --expires soon",
            "host enroll",
            "host enroll x --out a --root b",
            "aot hello.wasm --target pulley64",
            "aot hello.wasm --target sparc --store",
            "aot hello.wasm --target pulley64 --for pi --store",
            "up --host Edge",
            "up --host edge:zone",
            "dev --manifest shop.yaml --name hello",
            "dev --address localhost",
            "get hosts -o xml",
            "push hello.wasm",
            "pull x --sign-key a",
            "key policy --images maybe",
            "get hosts --timeout 5",
        ] {
            let words = std::iter::once("lattice").chain(line.split(' ').filter(|word| !word.is_empty()));
            let error = Cli::try_parse_from(words).expect_err(line);
            assert_eq!(error.exit_code(), 2, "{line}: {error}");
        }
    }
}
