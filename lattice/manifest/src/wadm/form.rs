//! wadm's form, as it is written.

use schemars::{Schema, SchemaGenerator, json_schema};

use crate::read::{At, Kept, Plain, Read, Reader, Required, Table, choice, record};
use crate::tree::{Node, Value};

pub(super) type List<T> = Option<At<Vec<At<T>>>>;
type Texts = Option<At<Table<Plain>>>;

choice! {
    enum ApiVersion { V1Beta1 = "core.oam.dev/v1beta1", }
}

choice! {
    enum Kind { Application = "Application", }
}

record! {
    struct ManifestForm, "a manifest" {
        _api_version = "apiVersion": Required<ApiVersion>,
        _kind = "kind": Required<Kind>,
        metadata = "metadata": Required<MetadataForm>,
        spec = "spec": Required<SpecForm>,
    }
}

record! {
    struct MetadataForm, "metadata" {
        name = "name": Required<Plain>,
        annotations = "annotations": Texts,
        _labels = "labels": Texts,
    }
}

record! {
    struct SpecForm, "a spec" {
        components = "components": Required<Vec<At<ComponentForm>>>,
        policies = "policies": List<PolicyForm>,
    }
}

record! {
    struct PolicyForm, "a policy" {
        name = "name": Required<String>,
        kind = "type": Required<String>,
        _properties = "properties": Option<At<Kept>>,
    }
}

record! {
    struct ComponentForm, "a component" {
        name = "name": Required<Plain>,
        kind = "type": Required<ComponentKind>,
        properties = "properties": Required<PropertiesForm>,
        traits = "traits": List<TraitForm>,
    }
}

choice! {
    enum ComponentKind { Component = "component", Actor = "actor", Capability = "capability", }
}

record! {
    struct PropertiesForm, "the properties of a component" {
        image = "image": Option<At<String>>,
        application = "application": Option<At<SharedForm>>,
        id = "id": Option<At<Plain>>,
        config = "config": List<ConfigForm>,
        secrets = "secrets": List<SecretForm>,
    }
}

record! {
    struct SharedForm, "a shared component" {
        name = "name": Required<Plain>,
        component = "component": Required<Plain>,
    }
}

record! {
    struct ConfigForm, "a config" {
        name = "name": Required<Plain>,
        properties = "properties": Texts,
    }
}

record! {
    struct SecretForm, "a secret" {
        name = "name": Required<String>,
        properties = "properties": Required<SecretPropertiesForm>,
    }
}

record! {
    struct SecretPropertiesForm, "the properties of a secret" {
        policy = "policy": Required<String>,
        key = "key": Required<String>,
        field = "field": Option<At<Plain>>,
        version = "version": Option<At<Plain>>,
    }
}

record! {
    struct TraitForm, "a trait" {
        kind = "type": Required<String>,
        properties = "properties": Option<At<Kept>>,
    }
}

record! {
    struct ScalerForm, "a scaler" {
        instances = "instances" | "replicas": Required<u32>,
        spread = "spread": List<SpreadForm>,
    }
}

record! {
    struct SpreadForm, "a spread" {
        name = "name": Option<At<Plain>>,
        requirements = "requirements": Texts,
        weight = "weight": Option<At<u32>>,
    }
}

record! {
    struct LinkForm, "a link" {
        namespace = "namespace": Required<String>,
        package = "package": Required<String>,
        interfaces = "interfaces": Required<Vec<At<String>>>,
        name = "name": Option<At<Plain>>,
        target = "target": Required<TargetForm>,
        source = "source": Option<At<EndForm>>,
        source_config = "source_config": List<ConfigForm>,
        target_config = "target_config": List<ConfigForm>,
    }
}

record! {
    /// An end of a link. The name of a source is that of the component it stands at.
    struct EndForm, "an end of a link" {
        name = "name": Option<At<Plain>>,
        config = "config": List<ConfigForm>,
        secrets = "secrets": List<SecretForm>,
    }
}

/// The target of a link: a name, or that and what it is told.
#[derive(Clone, Debug)]
pub(crate) struct TargetForm(pub(crate) EndForm);

impl Read for TargetForm {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        if let Value::Map(_) = &node.value {
            let form = EndForm::read(node, reader)?;
            if form.name.is_none() {
                reader.error(node.span, "the target of a link needs `name`");
            }
            return Some(Self(form));
        }
        let name = At::read(node, reader)?;
        Some(Self(EndForm {
            name: Some(name),
            config: None,
            secrets: None,
        }))
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        let form = EndForm::schema(generator);
        json_schema!({ "anyOf": [{ "type": "string" }, form] })
    }
}
