//! Bodies of HTTP and bodies of calls, one as the other.

use futures::StreamExt as _;
use http_body::{Body as _, Frame};
use http_body_util::{BodyExt as _, StreamBody};
use lattice_capability::http::{empty_body, full_body};
use lattice_capability::{HttpBody, HttpError};
use lattice_core::{Fault, FaultKind};
use lattice_mesh::Body;

/// The body of a call that carries an HTTP body.
pub(super) fn to_mesh(body: HttpBody) -> Body {
    if body.is_end_stream() {
        return Body::Empty;
    }
    Body::stream(
        body.into_data_stream()
            .map(|chunk| chunk.map_err(|error| to_fault(&error))),
    )
}

/// The HTTP body that the body of a call carries.
pub(super) fn from_mesh(body: Body) -> HttpBody {
    match body {
        Body::Empty => empty_body(),
        Body::Inline(bytes) => full_body(bytes),
        Body::Stream(chunks) => {
            let frames = chunks.map(|chunk| chunk.map(Frame::data).map_err(|fault| to_http_error(&fault)));
            StreamBody::new(frames).boxed_unsync()
        }
    }
}

/// What a broken HTTP body is called on its way.
pub(super) fn to_fault(error: &HttpError) -> Fault {
    let kind = match error {
        HttpError::RequestBodySize(_) | HttpError::ResponseBodySize(_) => FaultKind::TooLarge,
        HttpError::ConnectionReadTimeout | HttpError::ConnectionWriteTimeout | HttpError::ResponseTimeout => {
            FaultKind::DeadlineExceeded
        }
        HttpError::ConnectionTerminated | HttpError::ResponseIncomplete => FaultKind::Cancelled,
        HttpError::RequestDenied => FaultKind::Denied,
        _ => FaultKind::Backend,
    };
    Fault::new(kind, error.to_string())
}

/// What a fault is called in the words of HTTP.
pub(super) fn to_http_error(fault: &Fault) -> HttpError {
    match fault.kind {
        FaultKind::TooLarge => HttpError::RequestBodySize(None),
        FaultKind::DeadlineExceeded => HttpError::ResponseTimeout,
        FaultKind::Cancelled | FaultKind::Unreachable => HttpError::ConnectionTerminated,
        FaultKind::Denied => HttpError::RequestDenied,
        FaultKind::Overloaded => HttpError::ConnectionLimitReached,
        FaultKind::NoResponders | FaultKind::NotHere | FaultKind::Draining => HttpError::DestinationUnavailable,
        _ => HttpError::Internal(fault.to_string()),
    }
}
