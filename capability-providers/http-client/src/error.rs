//! Tells how an exchange failed, in the words of `wasi:http`.

use std::error::Error;
use std::io;

use provider_sdk::capability::HttpError;

use crate::connector::DnsError;

/// Translates an error of the pooled client.
pub(crate) fn of_request(error: &hyper_util::client::legacy::Error) -> HttpError {
    translate(error, error.is_connect())
}

/// Translates an error in a response's body.
pub(crate) fn of_body(error: &hyper::Error) -> HttpError {
    translate(error, false)
}

fn translate(error: &(dyn Error + 'static), connecting: bool) -> HttpError {
    // The innermost cause that we know says most; what stands around it only says "connect failed" or "body failed".
    let mut found = None;
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        found = known(error, connecting).or(found);
        // An `io::Error` hides the error that it was made of from `source`.
        cause = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    found.unwrap_or(if connecting {
        HttpError::DestinationUnavailable
    } else {
        HttpError::Protocol
    })
}

fn known(error: &(dyn Error + 'static), connecting: bool) -> Option<HttpError> {
    if error.is::<DnsError>() {
        return Some(HttpError::Dns(innermost(error)));
    }
    // The request's own body may be what failed: the actor's, or its caller's.
    if let Some(error) = error.downcast_ref::<HttpError>() {
        return Some(error.clone());
    }
    if let Some(error) = error.downcast_ref::<rustls::Error>() {
        return Some(of_tls(error));
    }
    if let Some(error) = error.downcast_ref::<hyper::Error>() {
        return of_hyper(error);
    }
    error
        .downcast_ref::<io::Error>()
        .and_then(|error| of_io(error, connecting))
}

fn of_tls(error: &rustls::Error) -> HttpError {
    match error {
        rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented => HttpError::TlsCertificate,
        rustls::Error::AlertReceived(alert) => HttpError::TlsAlert {
            code: u8::from(*alert),
            message: format!("{alert:?}"),
        },
        _ => HttpError::TlsProtocol,
    }
}

fn of_hyper(error: &hyper::Error) -> Option<HttpError> {
    if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
        Some(HttpError::ConnectionTerminated)
    } else if error.is_parse_too_large() {
        Some(HttpError::ResponseHeaderSectionSize(None))
    } else if error.is_parse() {
        Some(HttpError::Protocol)
    } else {
        None
    }
}

fn of_io(error: &io::Error, connecting: bool) -> Option<HttpError> {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Some(HttpError::ConnectionRefused),
        io::ErrorKind::TimedOut if connecting => Some(HttpError::ConnectionTimeout),
        io::ErrorKind::TimedOut => Some(HttpError::ConnectionReadTimeout),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable | io::ErrorKind::AddrNotAvailable => {
            Some(HttpError::DestinationIpUnroutable)
        }
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::UnexpectedEof => Some(HttpError::ConnectionTerminated),
        _ => None,
    }
}

fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}
