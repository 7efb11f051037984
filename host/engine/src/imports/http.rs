//! `wasi:http` 0.2 and 0.3: the types always, sending requests where a link grants it.

use std::sync::LazyLock;

use http_body_util::BodyExt as _;
use lattice_capability::{HttpError, RequestOptions};
use lattice_core::InterfaceId;
use wasmtime::Result;
use wasmtime::component::Linker;
use wasmtime_wasi_http::{Error, RequestOptions as WasiOptions, WasiBody, WasiHttp, WasiHttpHooks, WasiHttpView as _};
use wasmtime_wasi_http::{p2, p3};

use crate::ctx::{Call, Ctx};
use crate::linked::Need;
use crate::shape::Shape;

static OUTGOING: LazyLock<InterfaceId> = LazyLock::new(|| {
    "wasi:http/outgoing-handler"
        .parse()
        .expect("a constant that is an interface")
});
static CLIENT: LazyLock<InterfaceId> =
    LazyLock::new(|| "wasi:http/client".parse().expect("a constant that is an interface"));

/// Whether a component sends requests by WASI 0.3. The hook that sends them is not told which version the guest called.
pub(crate) fn sends_by_client(shape: &Shape) -> bool {
    shape.imports.iter().any(|import| import.interface.id == *CLIENT)
}

pub(super) fn add_types(linker: &mut Linker<Ctx>) -> Result<()> {
    let options = p2::bindings::LinkOptions::default();
    p2::bindings::http::types::add_to_linker::<_, WasiHttp>(linker, &options.into(), Ctx::http)
}

pub(super) fn add_types_async(linker: &mut Linker<Ctx>) -> Result<()> {
    p3::bindings::http::types::add_to_linker::<_, WasiHttp>(linker, Ctx::http)
}

pub(super) fn add_outgoing(linker: &mut Linker<Ctx>) -> Result<()> {
    p2::bindings::http::outgoing_handler::add_to_linker::<_, WasiHttp>(linker, Ctx::http)
}

pub(super) fn add_client(linker: &mut Linker<Ctx>) -> Result<()> {
    p3::bindings::http::client::add_to_linker::<_, WasiHttp>(linker, Ctx::http)
}

type Sent = (
    http::Response<WasiBody>,
    Box<dyn Future<Output = Result<(), Error>> + Send>,
);

impl WasiHttpHooks for Call {
    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<WasiOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Result<Sent, Error>> + Send> {
        if let Some(Err(raised)) = self.live.as_mut().map(|live| live.may_reach_out_later()) {
            return Box::new(async move { Err(Error::InternalError(Some(raised.to_string()))) });
        }
        let (interface, function): (&InterfaceId, _) = if self.shared.sends_by_client {
            (&CLIENT, "send")
        } else {
            (&OUTGOING, "handle")
        };
        let need = Need {
            interface,
            function,
            label: self.label(interface),
        };
        let granted = self.outgoing_http(need);
        Box::new(async move {
            let (http, context) = granted.map_err(to_wasi_error)?;
            let request = request.map(|body| body.map_err(from_wasi_error).boxed_unsync());
            let response = http.send(&context, request, options.map(to_options).unwrap_or_default());
            let response = match tokio::time::timeout_at(context.deadline.into(), response).await {
                Ok(response) => response.map_err(to_wasi_error)?,
                Err(_) => return Err(Error::HttpResponseTimeout),
            };
            let response = response.map(|body| body.map_err(to_wasi_error).boxed_unsync());
            Ok((
                response,
                Box::new(async { Ok(()) }) as Box<dyn Future<Output = _> + Send>,
            ))
        })
    }
}

fn to_options(options: WasiOptions) -> RequestOptions {
    RequestOptions {
        connect_timeout: options.connect_timeout,
        first_byte_timeout: options.first_byte_timeout,
        between_bytes_timeout: options.between_bytes_timeout,
    }
}

pub(crate) fn to_wasi_error(error: HttpError) -> Error {
    match error {
        HttpError::DnsTimeout => Error::DnsTimeout,
        HttpError::Dns(rcode) => Error::DnsError {
            rcode: Some(rcode),
            info_code: None,
        },
        HttpError::DestinationNotFound => Error::DestinationNotFound,
        HttpError::DestinationUnavailable => Error::DestinationUnavailable,
        HttpError::DestinationIpProhibited => Error::DestinationIpProhibited,
        HttpError::DestinationIpUnroutable => Error::DestinationIpUnroutable,
        HttpError::ConnectionRefused => Error::ConnectionRefused,
        HttpError::ConnectionTerminated => Error::ConnectionTerminated,
        HttpError::ConnectionTimeout => Error::ConnectionTimeout,
        HttpError::ConnectionReadTimeout => Error::ConnectionReadTimeout,
        HttpError::ConnectionWriteTimeout => Error::ConnectionWriteTimeout,
        HttpError::ConnectionLimitReached => Error::ConnectionLimitReached,
        HttpError::TlsProtocol => Error::TlsProtocolError,
        HttpError::TlsCertificate => Error::TlsCertificateError,
        HttpError::TlsAlert { code, message } => Error::TlsAlertReceived {
            alert_id: Some(code),
            alert_message: Some(message),
        },
        HttpError::RequestDenied => Error::HttpRequestDenied,
        HttpError::RequestLengthRequired => Error::HttpRequestLengthRequired,
        HttpError::RequestBodySize(max) => Error::HttpRequestBodySize(max),
        HttpError::RequestMethodInvalid => Error::HttpRequestMethodInvalid,
        HttpError::RequestUriInvalid => Error::HttpRequestUriInvalid,
        HttpError::RequestUriTooLong => Error::HttpRequestUriTooLong,
        HttpError::RequestHeaderSectionSize(max) => Error::HttpRequestHeaderSectionSize(max),
        HttpError::ResponseIncomplete => Error::HttpResponseIncomplete,
        HttpError::ResponseHeaderSectionSize(max) => Error::HttpResponseHeaderSectionSize(max),
        HttpError::ResponseBodySize(max) => Error::HttpResponseBodySize(max),
        HttpError::ResponseTimeout => Error::HttpResponseTimeout,
        HttpError::UpgradeFailed => Error::HttpUpgradeFailed,
        HttpError::Protocol => Error::HttpProtocolError,
        HttpError::LoopDetected => Error::LoopDetected,
        HttpError::Configuration => Error::ConfigurationError,
        HttpError::Internal(message) => Error::InternalError(Some(message)),
    }
}

pub(crate) fn from_wasi_error(error: Error) -> HttpError {
    match error {
        Error::DnsTimeout => HttpError::DnsTimeout,
        Error::DnsError { rcode, .. } => HttpError::Dns(rcode.unwrap_or_default()),
        Error::DestinationNotFound => HttpError::DestinationNotFound,
        Error::DestinationUnavailable => HttpError::DestinationUnavailable,
        Error::DestinationIpProhibited => HttpError::DestinationIpProhibited,
        Error::DestinationIpUnroutable => HttpError::DestinationIpUnroutable,
        Error::ConnectionRefused => HttpError::ConnectionRefused,
        Error::ConnectionTerminated => HttpError::ConnectionTerminated,
        Error::ConnectionTimeout => HttpError::ConnectionTimeout,
        Error::ConnectionReadTimeout => HttpError::ConnectionReadTimeout,
        Error::ConnectionWriteTimeout => HttpError::ConnectionWriteTimeout,
        Error::ConnectionLimitReached => HttpError::ConnectionLimitReached,
        Error::TlsProtocolError => HttpError::TlsProtocol,
        Error::TlsCertificateError => HttpError::TlsCertificate,
        Error::TlsAlertReceived {
            alert_id,
            alert_message,
        } => HttpError::TlsAlert {
            code: alert_id.unwrap_or_default(),
            message: alert_message.unwrap_or_default(),
        },
        Error::HttpRequestDenied => HttpError::RequestDenied,
        Error::HttpRequestLengthRequired => HttpError::RequestLengthRequired,
        Error::HttpRequestBodySize(max) => HttpError::RequestBodySize(max),
        Error::HttpRequestMethodInvalid => HttpError::RequestMethodInvalid,
        Error::HttpRequestUriInvalid => HttpError::RequestUriInvalid,
        Error::HttpRequestUriTooLong => HttpError::RequestUriTooLong,
        Error::HttpRequestHeaderSectionSize(max) => HttpError::RequestHeaderSectionSize(max),
        Error::HttpResponseIncomplete => HttpError::ResponseIncomplete,
        Error::HttpResponseHeaderSectionSize(max) => HttpError::ResponseHeaderSectionSize(max),
        Error::HttpResponseBodySize(max) => HttpError::ResponseBodySize(max),
        Error::HttpResponseTimeout => HttpError::ResponseTimeout,
        Error::HttpUpgradeFailed => HttpError::UpgradeFailed,
        Error::HttpProtocolError => HttpError::Protocol,
        Error::LoopDetected => HttpError::LoopDetected,
        Error::ConfigurationError => HttpError::Configuration,
        other => HttpError::Internal(other.to_string()),
    }
}
