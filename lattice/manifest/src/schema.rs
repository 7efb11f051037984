//! The JSON Schema of our own form, for editors.

use schemars::generate::SchemaSettings;

/// The JSON Schema of a document with `apiVersion: lattice.dev/v1`. It comes from the forms that [`read`](crate::read()) reads, so that
/// it knows the same keys.
pub fn json_schema() -> serde_json::Value {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator
        .into_root_schema_for::<crate::native::ApplicationForm>()
        .to_value();
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("title".to_owned(), "Lattice application".into());
    }
    schema
}
