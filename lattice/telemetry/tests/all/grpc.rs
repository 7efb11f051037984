//! What arrives over OTLP/gRPC.

use std::time::Duration;

use lattice_telemetry::testing::ReceivedSpan;
use lattice_telemetry::{SpanKind, Status as SpanStatus};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use tokio::sync::mpsc;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

use crate::support::start;

struct Collector(mpsc::Sender<(Option<String>, ExportTraceServiceRequest)>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let key = request.metadata().get("x-key").and_then(|key| key.to_str().ok());
        let key = key.map(str::to_owned);
        let sent = self.0.send((key, request.into_inner())).await;
        sent.map_err(|_| Status::unavailable("the test is over"))?;
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tokio::test]
async fn spans_and_headers_arrive() {
    let incoming = TcpIncoming::bind(([127, 0, 0, 1], 0).into()).expect("listens");
    let address = incoming.local_addr().expect("is bound");
    let (send, mut requests) = mpsc::channel(8);
    let server = Server::builder().add_service(TraceServiceServer::new(Collector(send)));
    let server = tokio::spawn(server.serve_with_incoming(incoming));

    let endpoint = address.to_string();
    let telemetry = start(&[
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", endpoint.as_str()),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_INSECURE", "true"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-key=abc"),
    ]);
    telemetry
        .tracer()
        .start("call", SpanKind::Server, None)
        .end(SpanStatus::Ok, Vec::new);
    telemetry.shutdown(Duration::from_secs(30)).await.expect("is taken");
    let (key, request) = requests.recv().await.expect("arrives");
    assert_eq!(key.as_deref(), Some("abc"));
    let spans = ReceivedSpan::read_all(request).expect("good OTLP");
    assert_eq!(
        (spans[0].span.name.as_str(), spans[0].service()),
        ("call", "lattice-test")
    );
    server.abort();
}
