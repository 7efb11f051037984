//! The form as it is written. The words on each field are those of the JSON Schema, for whoever writes a manifest.

use lattice_core::{ActorName, AppName, FunctionName, InterfacePattern, LinkLabel, Party, ProviderKind, ProviderName};
use schemars::{Schema, SchemaGenerator, json_schema};

use crate::read::{At, ByteSize, Flag, OneOrMany, Period, Plain, Read, Reader, Required, Table, choice, record};
use crate::tree::{Node, Value};

type List<T> = Option<At<Vec<At<T>>>>;
type Texts = Option<At<Table<Plain>>>;

choice! {
    /// The version of this form.
    enum ApiVersion { V1 = "lattice.dev/v1", }
}

choice! {
    /// What a document declares.
    enum Kind { Application = "Application", }
}

record! {
    /// What shall run, where, and who may call whom.
    struct ApplicationForm, "a manifest" {
        /// The version of this form.
        _api_version = "apiVersion": Required<ApiVersion>,
        /// What this declares.
        _kind = "kind": Required<Kind>,
        /// What it is called.
        metadata = "metadata": Required<MetadataForm>,
        /// What it consists of.
        spec = "spec": Required<SpecForm>,
    }
}

record! {
    /// What an application is called.
    struct MetadataForm, "metadata" {
        /// The application's name.
        name = "name": Required<AppName>,
        /// Its version. Shown, never compared.
        version = "version": Option<At<Plain>>,
        /// What it is.
        description = "description": Option<At<String>>,
        /// For other programs that read this file.
        _labels = "labels": Texts,
        /// For other programs that read this file.
        _annotations = "annotations": Texts,
    }
}

record! {
    /// What an application consists of.
    struct SpecForm, "a spec" {
        /// Its actors.
        actors = "actors": List<ActorForm>,
        /// Its providers. One that another application declares in the same words is shared with it.
        providers = "providers": List<ProviderForm>,
        /// Who may call whom.
        links = "links": List<LinkForm>,
        /// Which requests of an HTTP server go to which actor: links, written shortly.
        routes = "routes": List<RouteForm>,
    }
}

record! {
    /// An actor that shall run.
    struct ActorForm, "an actor" {
        /// What links call it.
        name = "name": Required<ActorName>,
        /// Its component: a file (`file://web.wasm`, from this folder) or an image of a registry.
        image = "image": Required<String>,
        /// How many replicas, over all hosts. 1 unless said.
        replicas = "replicas": Option<At<u32>>,
        /// As many on each host instead, also on one that joins later.
        daemon = "daemon": Option<At<DaemonForm>>,
        /// On which hosts.
        placement = "placement": Option<At<ActorPlacementForm>>,
        /// What a replica may use at most.
        limits = "limits": Option<At<LimitsForm>>,
        /// Whether an instance serves more than one invocation: `fresh`, a number, or both numbers.
        reuse = "reuse": Option<At<ReuseForm>>,
        /// How its state is kept, if its component has state. All of it as hosts do by themselves unless said.
        state = "state": Option<At<StateForm>>,
        /// What `wasi:config` tells it.
        config = "config": Texts,
        /// Secrets that `wasi:config` tells it beside: the key it asks for, and the name under which hosts keep the value.
        secrets = "secrets": Option<At<Table<String>>>,
        /// How it changes to another version.
        update = "update": Option<At<UpdateForm>>,
        /// What becomes of it at a site that is cut off: `stay` (nobody outside takes its place; its state is at the site it is bound to by
        /// `require: {site: …}`), or `failover` (others take its place; its state is in the hub). Unless said, what has no state stays,
        /// and what has fails over.
        on_partition = "onPartition": Option<At<OnPartitionForm>>,
    }
}

choice! {
    /// What becomes of an actor at a site that is cut off.
    enum OnPartitionForm { Stay = "stay", Failover = "failover", }
}

record! {
    /// On which hosts an actor runs.
    struct ActorPlacementForm, "an actor's placement" {
        /// Labels that every host of it has.
        require = "require": Texts,
        /// Groups of hosts that share the replicas by weight.
        spread = "spread": List<ShareForm>,
        /// What keeps replicas apart.
        anti_affinity = "antiAffinity": Option<At<AntiAffinityForm>>,
    }
}

record! {
    /// On which hosts a provider runs.
    struct ProviderPlacementForm, "a provider's placement" {
        /// Labels that every host of it has.
        require = "require": Texts,
        /// Groups of hosts that share the replicas by weight.
        spread = "spread": List<ShareForm>,
    }
}

record! {
    /// A group of hosts.
    struct ShareForm, "a share of a spread" {
        /// What people call it.
        name = "name": Option<At<String>>,
        /// Labels its hosts have.
        labels = "labels": Texts,
        /// Its share relative to the others. 100 unless said.
        weight = "weight": Option<At<u32>>,
    }
}

record! {
    /// What keeps replicas apart.
    struct AntiAffinityForm, "an antiAffinity" {
        /// The most replicas on one host.
        per_host = "perHost": Option<At<u32>>,
        /// Actors it does not share a host with.
        apart_from = "apartFrom": List<ActorName>,
    }
}

record! {
    /// What a replica may use at most.
    struct LimitsForm, "limits" {
        /// Memory of one instance. 128MiB unless said.
        memory = "memory": Option<At<ByteSize>>,
        /// How long an invocation may take. 30s unless said.
        deadline = "deadline": Option<At<Period>>,
        /// Invocations at a time. 128 unless said.
        concurrency = "concurrency": Option<At<u32>>,
        /// Invocations that may wait beyond those. As many unless said.
        queue = "queue": Option<At<u32>>,
        /// The longest request or response body. 64MiB unless said.
        body = "body": Option<At<ByteSize>>,
    }
}

record! {
    /// How an actor's state is kept.
    struct StateForm, "a state" {
        /// When it is stored: `commit` (before an answer leaves, unless said), `checkpoint` (every so often), or `volatile` (never).
        durability = "durability": Option<At<DurabilityForm>>,
        /// How often it is stored, where the durability is `checkpoint`.
        checkpoint = "checkpoint": Option<At<Period>>,
        /// How long an actor that nobody calls stays in memory. 5m unless said.
        idle_after = "idleAfter": Option<At<Period>>,
        /// The most state one actor may have. 16MiB unless said.
        max_size = "maxSize": Option<At<ByteSize>>,
        /// How many actors one host keeps in memory. 10000 unless said.
        max_active = "maxActive": Option<At<u32>>,
    }
}

choice! {
    /// When an actor's state is stored.
    enum DurabilityForm { Commit = "commit", Checkpoint = "checkpoint", Volatile = "volatile", }
}

record! {
    /// How an actor changes to another version.
    struct UpdateForm, "an update" {
        /// How many replicas may be changing at a time. 1 unless said.
        max_unavailable = "maxUnavailable": Option<At<u32>>,
        /// How long a host may take to have the new one ready. 60s unless said.
        ready_within = "readyWithin": Option<At<Period>>,
        /// How long what the old one is doing may take to end. 10s unless said.
        drain = "drain": Option<At<Period>>,
        /// What a new instance must answer before it takes the place of the old one.
        probe = "probe": Option<At<ProbeForm>>,
        /// What happens when it does not become ready.
        on_failure = "onFailure": Option<At<OnFailure>>,
    }
}

record! {
    /// What a new instance must answer.
    struct ProbeForm, "a probe" {
        /// A GET of this path, with a status below 400.
        http = "http": Required<String>,
    }
}

choice! {
    /// What happens when an update does not become ready.
    enum OnFailure { RollBack = "rollback", Halt = "halt", }
}

record! {
    /// A provider that shall run, at most once on each host.
    struct ProviderForm, "a provider" {
        /// What links call it.
        name = "name": Required<ProviderName>,
        /// Which one it is.
        kind = "kind": Required<ProviderKind>,
        /// Its settings.
        config = "config": Texts,
        /// On how many hosts. 1 unless said.
        replicas = "replicas": Option<At<u32>>,
        /// On each host instead, also on one that joins later.
        daemon = "daemon": Option<At<Flag>>,
        /// On which hosts.
        placement = "placement": Option<At<ProviderPlacementForm>>,
    }
}

record! {
    /// Who may call whom, and for what.
    struct LinkForm, "a link" {
        /// Who may call.
        source = "source": Required<PartyForm>,
        /// What: an interface (`wasi:keyvalue/store`), or all of a package (`wasi:keyvalue`).
        interface = "interface": Required<InterfacePattern>,
        /// Whom.
        target = "target": Required<PartyForm>,
        /// Under which name the source asks for it. `default` unless said.
        label = "label": Option<At<LinkLabel>>,
        /// Which functions. All unless said.
        functions = "functions": List<FunctionName>,
        /// Settings for what is at the other end.
        config = "config": Texts,
        /// Names of secrets that the target may resolve for this link.
        secrets = "secrets": List<String>,
        /// How much.
        limits = "limits": Option<At<LinkLimitsForm>>,
        /// Labels that a host must have for the source to use the link there.
        hosts = "hosts": Texts,
    }
}

record! {
    /// How much a link may be used.
    struct LinkLimitsForm, "a link's limits" {
        /// The longest request.
        payload = "payload": Option<At<ByteSize>>,
        /// Calls per second from one host.
        rate_per_second = "ratePerSecond": Option<At<u32>>,
        /// The longest a call may take.
        deadline = "deadline": Option<At<Period>>,
    }
}

record! {
    /// Which requests of an HTTP server go to an actor.
    struct RouteForm, "a route" {
        /// The HTTP server.
        provider = "provider": Required<ProviderEndForm>,
        /// The actor.
        actor = "actor": Required<ActorEndForm>,
        /// The path, and all below it. `/` unless said. One segment may be `{key}`: the key of an actor with state.
        path = "path": Option<At<String>>,
        /// Whether all below the path is meant too: `prefix` (unless said), or `exact`.
        matching = "match": Option<At<PathMatch>>,
        /// Where else a request says which actor with state it is for: `header:x-customer`, `query:customer`, `cookie:session`, or
        /// `host:0` for the leftmost label of the host name.
        key = "key": Option<At<String>>,
        /// Host names; `*.example.com` is every name below that.
        host = "host": Option<At<OneOrMany<String>>>,
        /// Methods.
        methods = "methods": Option<At<OneOrMany<String>>>,
        /// The port of one of the server's addresses.
        port = "port": Option<At<u32>>,
        /// One of the server's addresses.
        address = "address": Option<At<String>>,
        /// The longest wait for this actor's answer.
        timeout = "timeout": Option<At<Period>>,
        /// The largest request body.
        body = "body": Option<At<ByteSize>>,
    }
}

choice! {
    /// Whether a path means all below it too.
    enum PathMatch { Prefix = "prefix", Exact = "exact", }
}

record! {
    /// So many replicas on each host.
    struct PerHostForm, "a daemon" {
        /// How many.
        per_host = "perHost": Required<u32>,
    }
}

/// Whether an actor runs on each host, and how many of it there.
#[derive(Clone, Debug)]
pub(crate) enum DaemonForm {
    Flag(bool),
    PerHost(PerHostForm),
}

impl Read for DaemonForm {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        match &node.value {
            Value::Map(_) => PerHostForm::read(node, reader).map(Self::PerHost),
            _ => Flag::read(node, reader).map(|flag| Self::Flag(flag.0)),
        }
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        let per_host = PerHostForm::schema(generator);
        json_schema!({ "anyOf": [{ "type": "boolean" }, per_host] })
    }
}

record! {
    /// How long an instance lives.
    struct ReuseNumbersForm, "a reuse" {
        /// Invocations in the life of one instance.
        invocations = "invocations": Required<u32>,
        /// Invocations in one instance at a time, where the component is asynchronous.
        in_flight = "inFlight": Option<At<u32>>,
    }
}

/// Whether an instance serves more than one invocation.
#[derive(Clone, Debug)]
pub(crate) enum ReuseForm {
    Fresh,
    Invocations(u32),
    Numbers(ReuseNumbersForm),
}

impl Read for ReuseForm {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        match &node.value {
            Value::Map(_) => ReuseNumbersForm::read(node, reader).map(Self::Numbers),
            Value::Scalar(scalar) if scalar.text == "fresh" => Some(Self::Fresh),
            Value::Scalar(scalar) if scalar.text.parse::<u32>().is_ok() => {
                u32::read(node, reader).map(Self::Invocations)
            }
            _ => {
                let message = format!(
                    "this must be `fresh`, or a number of invocations, and is {}",
                    node.describe()
                );
                reader.error_with(
                    node.span,
                    message,
                    "several at a time are {invocations: 1000, inFlight: 8}",
                );
                None
            }
        }
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        let numbers = ReuseNumbersForm::schema(generator);
        json_schema!({ "anyOf": [{ "const": "fresh" }, { "type": "integer", "minimum": 1 }, numbers] })
    }
}

record! {
    /// An actor or a provider, perhaps of another application.
    struct OtherPartyForm, "an end of a link" {
        /// The actor.
        actor = "actor": Option<At<ActorName>>,
        /// Or the provider.
        provider = "provider": Option<At<ProviderName>>,
        /// The application that declares it.
        application = "application": Option<At<AppName>>,
    }
}

/// An end of a link: a name that is declared here, with or without its kind, or a party of another application.
#[derive(Clone, Debug)]
pub(crate) enum PartyForm {
    Name(ActorName),
    Party(Party),
    Other(OtherPartyForm),
}

impl Read for PartyForm {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        if let Value::Map(_) = &node.value {
            return OtherPartyForm::read(node, reader).map(Self::Other);
        }
        let text = String::read(node, reader)?;
        let parsed = if text.contains('/') {
            text.parse().map(Self::Party)
        } else {
            text.parse().map(Self::Name)
        };
        parsed.map_err(|error| reader.error(node.span, error.to_string())).ok()
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        let other = OtherPartyForm::schema(generator);
        json_schema!({ "anyOf": [{ "type": "string" }, other] })
    }
}

record! {
    /// A provider of another application.
    struct OtherProviderForm, "a provider of another application" {
        /// The provider.
        provider = "provider": Required<ProviderName>,
        /// The application that declares it.
        application = "application": Required<AppName>,
    }
}

record! {
    /// An actor of another application.
    struct OtherActorForm, "an actor of another application" {
        /// The actor.
        actor = "actor": Required<ActorName>,
        /// The application that declares it.
        application = "application": Required<AppName>,
    }
}

/// Declares the end of a route: a name that is declared here, or one of another application.
macro_rules! route_end {
    ($(#[$meta:meta])* $name:ident: $id:ty, $other:ty, $party:ident, $field:ident) => {
        $(#[$meta])*
        #[derive(Clone, Debug)]
        pub(crate) struct $name(pub(crate) PartyForm);

        impl Read for $name {
            fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
                if let Value::Map(_) = &node.value {
                    let other = <$other>::read(node, reader)?;
                    let mut form = OtherPartyForm {
                        actor: None,
                        provider: None,
                        application: other.application.0,
                    };
                    form.$field = other.$field.0;
                    return Some(Self(PartyForm::Other(form)));
                }
                <$id>::read(node, reader).map(|name| Self(PartyForm::Party(Party::$party(name))))
            }

            fn schema(generator: &mut SchemaGenerator) -> Schema {
                let name = <$id>::schema(generator);
                let other = <$other>::schema(generator);
                json_schema!({ "anyOf": [name, other] })
            }
        }
    };
}

route_end! {
    /// The HTTP server of a route.
    ProviderEndForm: ProviderName, OtherProviderForm, Provider, provider
}
route_end! {
    /// The actor of a route.
    ActorEndForm: ActorName, OtherActorForm, Actor, actor
}
