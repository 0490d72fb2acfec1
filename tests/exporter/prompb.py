"""Prometheus' messages, as its files remote.proto and types.proto describe them, for protobuf's own runtime."""

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

KINDS = {1: "double", 3: "int64", 9: "string", 11: "message", 14: "enum"}


def _message(file, name, *fields):
    message = file.message_type.add(name=name)
    for number, (label, kind, field) in fields:
        added = message.field.add(name=field, number=number, label=3 if label == "repeated" else 1)
        added.type = next((code for code, word in KINDS.items() if word == kind), 11)
        if kind not in KINDS.values():
            added.type_name = f".prometheus.{kind}"


def write_request_class():
    file = descriptor_pb2.FileDescriptorProto(name="remote.proto", package="prometheus", syntax="proto3")
    _message(
        file,
        "WriteRequest",
        (1, ("repeated", "TimeSeries", "timeseries")),
        (3, ("repeated", "MetricMetadata", "metadata")),
    )
    _message(file, "TimeSeries", (1, ("repeated", "Label", "labels")), (2, ("repeated", "Sample", "samples")))
    _message(file, "Label", (1, ("", "string", "name")), (2, ("", "string", "value")))
    _message(file, "Sample", (1, ("", "double", "value")), (2, ("", "int64", "timestamp")))
    _message(
        file,
        "MetricMetadata",
        (1, ("", "int64", "type")),  # an enum on the wire is the same
        (2, ("", "string", "metric_family_name")),
        (4, ("", "string", "help")),
        (5, ("", "string", "unit")),
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("prometheus.WriteRequest"))


WriteRequest = write_request_class()
