use super::*;

fn read(variables: &[(&str, &str)]) -> Result<TraceSettings, SettingsError> {
    TraceSettings::from_lookup(|name| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    })
}

fn good(variables: &[(&str, &str)]) -> TraceSettings {
    read(variables).expect("good settings")
}

#[test]
fn without_any_variable_a_few_traces_stay_in_memory() {
    let settings = good(&[]);
    assert_eq!(settings.sampler, Sampler::ratio(0.01).following_parents());
    assert_eq!((&settings.traces, &settings.metrics), (&None, &None));
    assert_eq!(settings.batch, BatchSettings::default());
    assert!(!settings.disabled);
    // An empty variable is none.
    assert_eq!(
        good(&[("OTEL_EXPORTER_OTLP_ENDPOINT", " "), ("OTEL_TRACES_SAMPLER", "")]),
        settings
    );
    assert!(good(&[("OTEL_SDK_DISABLED", "TRUE")]).disabled);
}

#[test]
fn samplers_have_the_names_of_the_specification() {
    let half = Sampler::ratio(0.5);
    for (name, sampler) in [
        ("always_on", Sampler::ALL),
        ("always_off", Sampler::OFF),
        ("traceidratio", half),
        ("parentbased_always_on", Sampler::ALL.following_parents()),
        ("parentbased_always_off", Sampler::OFF.following_parents()),
        ("parentbased_traceidratio", half.following_parents()),
    ] {
        let variables = [("OTEL_TRACES_SAMPLER", name), ("OTEL_TRACES_SAMPLER_ARG", "0.5")];
        assert_eq!(good(&variables).sampler, sampler, "{name}");
    }
    assert_eq!(good(&[("OTEL_TRACES_SAMPLER", "traceidratio")]).sampler, Sampler::ALL);
}

#[test]
fn an_endpoint_turns_exporting_on() {
    let settings = good(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318/")]);
    let traces = settings.traces.expect("on");
    assert_eq!(
        (traces.endpoint.as_str(), traces.protocol),
        ("http://localhost:4318/v1/traces", Protocol::Http)
    );
    assert_eq!(
        settings.metrics.expect("on").endpoint,
        "http://localhost:4318/v1/metrics"
    );
    assert_eq!(settings.sampler, Sampler::ALL.following_parents());

    let off = good(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318"),
        ("OTEL_TRACES_EXPORTER", "none"),
        ("OTEL_METRICS_EXPORTER", "prometheus"),
    ]);
    assert_eq!((off.traces, off.metrics), (None, None));

    let usual = good(&[
        ("OTEL_TRACES_EXPORTER", "otlp"),
        ("OTEL_METRICS_EXPORTER", "prometheus, otlp"),
        ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "grpc"),
    ]);
    assert_eq!(usual.traces.expect("on").endpoint, "http://localhost:4318/v1/traces");
    assert_eq!(usual.metrics.expect("on").endpoint, "http://localhost:4317");
}

#[test]
fn what_is_said_of_a_signal_goes_before_what_is_said_of_all() {
    let settings = good(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://all.example"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://traces.example/own/path"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20abc, x-b = c"),
        ("OTEL_EXPORTER_OTLP_METRICS_HEADERS", "x-m=1"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "2500"),
        ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "gzip"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/etc/ca.pem"),
    ]);
    let (traces, metrics) = (settings.traces.expect("on"), settings.metrics.expect("on"));
    assert_eq!(traces.endpoint, "https://traces.example/own/path");
    assert_eq!(metrics.endpoint, "https://all.example/v1/metrics");
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(traces.headers, [pair("authorization", "Bearer abc"), pair("x-b", "c")]);
    assert_eq!(metrics.headers, [pair("x-m", "1")]);
    assert_eq!(
        (traces.timeout, traces.gzip, metrics.gzip),
        (Duration::from_millis(2500), true, false)
    );
    assert_eq!(traces.ca_file, Some("/etc/ca.pem".into()));
    let shown = format!("{traces:?}");
    assert!(!shown.contains("abc") && shown.contains("[redacted]"), "{shown}");
}

#[test]
fn grpc_takes_an_address_without_a_scheme() {
    let endpoint = |insecure| {
        let settings = good(&[
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317"),
            ("OTEL_EXPORTER_OTLP_INSECURE", insecure),
        ]);
        settings.traces.expect("on").endpoint
    };
    assert_eq!(endpoint("true"), "http://collector:4317");
    assert_eq!(endpoint("false"), "https://collector:4317");
}

#[test]
fn the_name_of_the_service_wins_over_the_attributes() {
    let settings = good(&[
        (
            "OTEL_RESOURCE_ATTRIBUTES",
            "service.name=a,deployment.environment=edge%2C1",
        ),
        ("OTEL_SERVICE_NAME", "b"),
    ]);
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(
        settings.resource,
        [pair("deployment.environment", "edge,1"), pair("service.name", "b")]
    );
}

#[test]
fn batches_are_set_by_their_variables() {
    let settings = good(&[
        ("OTEL_BSP_SCHEDULE_DELAY", "100"),
        ("OTEL_BSP_EXPORT_TIMEOUT", "200"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "300"),
    ]);
    let expected = BatchSettings {
        delay: Duration::from_millis(100),
        timeout: Duration::from_millis(200),
        queue_max: 300,
        batch_max: 300,
    };
    assert_eq!(settings.batch, expected);
}

#[test]
fn every_mistake_is_told_with_what_is_allowed() {
    let wrong = [
        ("OTEL_SDK_DISABLED", "yes", "true or false"),
        ("OTEL_TRACES_SAMPLER", "jaeger_remote", "always_on"),
        ("OTEL_TRACES_EXPORTER", "zipkin", "otlp, none"),
        ("OTEL_METRICS_EXPORTER", "statsd", "prometheus"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4318", "http://localhost:4318"),
        (
            "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
            "ftp://a",
            "http://localhost:4318",
        ),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json", "http/protobuf or grpc"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s", "milliseconds"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd", "gzip or none"),
        ("OTEL_EXPORTER_OTLP_INSECURE", "1", "true or false"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "0", "at least 1"),
        ("OTEL_BSP_SCHEDULE_DELAY", "-1", "milliseconds"),
        ("OTEL_PROPAGATORS", "tracecontext,baggage", "tracecontext"),
    ];
    let variables: Vec<_> = wrong.iter().map(|(name, value, _)| (*name, *value)).collect();
    let error = read(&variables).expect_err("all wrong");
    for (name, value, allowed) in wrong {
        let told: Vec<_> = error
            .mistakes
            .iter()
            .filter(|mistake| mistake.variable == name)
            .collect();
        let [mistake] = told.as_slice() else {
            panic!("{name}: {told:?}")
        };
        assert_eq!(mistake.value.as_deref(), Some(value));
        assert!(mistake.to_string().contains(allowed), "{mistake}");
    }
    assert_eq!(error.mistakes.len(), wrong.len(), "{error}");
}

#[test]
fn ratios_batches_and_headers_are_checked_and_no_secret_is_told() {
    for (variables, culprit) in [
        (
            vec![
                ("OTEL_TRACES_SAMPLER", "traceidratio"),
                ("OTEL_TRACES_SAMPLER_ARG", "1.5"),
            ],
            "OTEL_TRACES_SAMPLER_ARG",
        ),
        (
            vec![
                ("OTEL_BSP_MAX_QUEUE_SIZE", "10"),
                ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "11"),
            ],
            "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
        ),
        (
            vec![("OTEL_EXPORTER_OTLP_HEADERS", "secret")],
            "OTEL_EXPORTER_OTLP_HEADERS",
        ),
        (
            vec![("OTEL_EXPORTER_OTLP_HEADERS", "a=secret%0d")],
            "OTEL_EXPORTER_OTLP_HEADERS",
        ),
        (vec![("OTEL_RESOURCE_ATTRIBUTES", "a=%zz")], "OTEL_RESOURCE_ATTRIBUTES"),
    ] {
        let error = read(&variables).expect_err(culprit);
        let culprits: Vec<_> = error.mistakes.iter().map(|mistake| mistake.variable.as_str()).collect();
        assert_eq!(culprits, [culprit]);
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}
