//! As much of the Kubernetes API as it takes to keep Secrets.

use std::{collections::BTreeMap, net::IpAddr, path::Path, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, bail};
use data_encoding::BASE64;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::failure::{Exit, Failure};

/// Where Kubernetes puts what a pod needs to talk to it.
pub(crate) const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// How long one question may take.
const WITHIN: Duration = Duration::from_secs(15);
/// A Secret holds a mebibyte at most, and a third more when it is written down.
const ANSWER_MAX: usize = 4 << 20;

/// The API server, as a pod's service account reaches it.
pub(crate) struct Api {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    server: String,
    namespace: String,
    token: Zeroizing<String>,
}

/// A Secret: bytes by name, and the revision they were read at.
#[derive(Clone, Default)]
pub(crate) struct Secret {
    pub(crate) data: BTreeMap<String, Vec<u8>>,
    revision: Option<String>,
}

/// The same as the API writes it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Object {
    #[serde(default)]
    api_version: String,
    #[serde(default)]
    kind: String,
    metadata: Metadata,
    #[serde(default)]
    data: BTreeMap<String, String>,
    #[serde(default, rename = "type")]
    kind_of_secret: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resource_version: Option<String>,
}

impl Api {
    /// Finds the server from inside a pod.
    pub(crate) fn in_cluster(service_account: &Path) -> Result<Self> {
        let variable = |name: &str| {
            std::env::var(name).with_context(|| format!("{name} is not set: this works inside a Kubernetes pod only"))
        };
        let file = |name: &str| {
            let path = service_account.join(name);
            std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
        };
        let host = variable("KUBERNETES_SERVICE_HOST")?;
        let port = variable("KUBERNETES_SERVICE_PORT")?;
        let host = match host.parse::<IpAddr>() {
            Ok(IpAddr::V6(_)) => format!("[{host}]"),
            _ => host,
        };
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(trusting(file("ca.crt")?.as_bytes())?)
            .https_only()
            .enable_http1()
            .build();
        Ok(Self {
            client: Client::builder(TokioExecutor::new()).build(https),
            server: format!("https://{host}:{port}"),
            namespace: file("namespace")?.trim().to_owned(),
            token: Zeroizing::new(file("token")?.trim().to_owned()),
        })
    }

    /// Reads a Secret; `None` when there is none by that name.
    pub(crate) async fn secret(&self, name: &str) -> Result<Option<Secret>> {
        match self.ask(Method::GET, name, Some(name), None).await? {
            (StatusCode::OK, answer) => Secret::from_json(&answer)
                .map(Some)
                .with_context(|| format!("what Kubernetes says of Secret {name} cannot be read")),
            (StatusCode::NOT_FOUND, _) => Ok(None),
            (status, answer) => Err(refused("read", name, status, &answer)),
        }
    }

    /// Creates a Secret, or replaces it if nobody has changed it since it was read.
    pub(crate) async fn put_secret(&self, name: &str, secret: &Secret) -> Result<()> {
        let body = secret.to_json(name)?;
        let (status, answer) = match secret.revision {
            None => self.ask(Method::POST, name, None, Some(body)).await?,
            Some(_) => self.ask(Method::PUT, name, Some(name), Some(body)).await?,
        };
        match status {
            StatusCode::OK | StatusCode::CREATED => Ok(()),
            StatusCode::CONFLICT => Err(Failure::new(
                Exit::Conflict,
                format!("somebody else has made or changed Secret {name} meanwhile"),
            )
            .help("run it again: it takes what is there")
            .into()),
            status => Err(refused("write", name, status, &answer)),
        }
    }

    async fn ask(
        &self,
        method: Method,
        name: &str,
        below: Option<&str>,
        body: Option<Vec<u8>>,
    ) -> Result<(StatusCode, Bytes)> {
        let below = below.map(|name| format!("/{name}")).unwrap_or_default();
        let uri = format!("{}/api/v1/namespaces/{}/secrets{below}", self.server, self.namespace);
        let mut bearer = header::HeaderValue::try_from(format!("Bearer {}", *self.token))
            .map_err(|_| anyhow::anyhow!("the token of the service account is no text for a header"))?;
        bearer.set_sensitive(true);
        let request = Request::builder()
            .method(method)
            .uri(uri)
            .header(header::AUTHORIZATION, bearer)
            .header(header::ACCEPT, "application/json")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body.unwrap_or_default())))
            .with_context(|| format!("Secret {name} cannot be asked for"))?;
        let asked = async {
            let response = self.client.request(request).await?;
            let status = response.status();
            let body = Limited::new(response.into_body(), ANSWER_MAX).collect().await;
            let body = body.map_err(|error| anyhow::anyhow!(error))?;
            anyhow::Ok((status, body.to_bytes()))
        };
        tokio::time::timeout(WITHIN, asked)
            .await
            .unwrap_or_else(|_| bail!("no answer within {} s", WITHIN.as_secs()))
            .with_context(|| format!("Kubernetes at {} cannot be asked for Secret {name}", self.server))
    }
}

impl Secret {
    fn from_json(json: &[u8]) -> Result<Self> {
        let object: Object = serde_json::from_slice(json)?;
        let data: Result<BTreeMap<_, _>, data_encoding::DecodeError> = object
            .data
            .into_iter()
            .map(|(name, text)| Ok((name, BASE64.decode(text.as_bytes())?)))
            .collect();
        Ok(Self {
            data: data?,
            revision: object.metadata.resource_version,
        })
    }

    fn to_json(&self, name: &str) -> Result<Vec<u8>> {
        let label = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let object = Object {
            api_version: "v1".to_owned(),
            kind: "Secret".to_owned(),
            metadata: Metadata {
                name: name.to_owned(),
                labels: [
                    label("app.kubernetes.io/managed-by", "lattice"),
                    label("app.kubernetes.io/part-of", "lattice"),
                ]
                .into(),
                // Without these keys nobody ever controls the lattice again.
                annotations: [label("helm.sh/resource-policy", "keep")].into(),
                resource_version: self.revision.clone(),
            },
            data: self
                .data
                .iter()
                .map(|(name, bytes)| (name.clone(), BASE64.encode(bytes)))
                .collect(),
            kind_of_secret: Some("Opaque".to_owned()),
        };
        Ok(serde_json::to_vec(&object)?)
    }
}

/// Trusts the cluster's own authority and nobody else.
fn trusting(authority: &[u8]) -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(authority) {
        roots.add(certificate.context("the cluster's authority (ca.crt) is no certificate")?)?;
    }
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(ring).with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// A refusal in the words of the API, which are made for people.
fn refused(what: &str, name: &str, status: StatusCode, answer: &[u8]) -> anyhow::Error {
    #[derive(Deserialize)]
    struct Status {
        message: String,
    }
    let why = serde_json::from_slice::<Status>(answer).map_or_else(|_| status.to_string(), |status| status.message);
    let exit = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Exit::Denied,
        _ => Exit::Failed,
    };
    Failure::new(exit, format!("Kubernetes does not let us {what} Secret {name}"))
        .because(why)
        .help("the service account needs a Role that lets it create Secrets, and get and update this one")
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_survives_the_api() {
        let json = br#"{"apiVersion":"v1","kind":"Secret","metadata":{"name":"a","resourceVersion":"7","uid":"x"},
            "type":"Opaque","data":{"b":"AP8="}}"#;
        let secret = Secret::from_json(json).expect("a secret");
        assert_eq!(secret.data["b"], [0, 255]);
        let again = Secret::from_json(&secret.to_json("a").expect("JSON")).expect("a secret");
        assert_eq!((again.data, again.revision.as_deref()), (secret.data, Some("7")));
    }

    #[test]
    fn what_is_no_secret_is_an_error() {
        for wrong in ["", "{}", r#"{"metadata":{"name":"a"},"data":{"b":"not base64"}}"#] {
            assert!(Secret::from_json(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
