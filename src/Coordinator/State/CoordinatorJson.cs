using System.Text.Json;
using System.Text.Json.Serialization;

using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Coordinator.State;

/// <summary>How states and messages are written, on the wire and on disk. Numbers that are not finite are written by name.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    UseStringEnumConverter = true,
    NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(RunState))]
[JsonSerializable(typeof(List<Member>))]
[JsonSerializable(typeof(RunReply))]
[JsonSerializable(typeof(JoinRequest))]
[JsonSerializable(typeof(JoinAnswer))]
[JsonSerializable(typeof(Heartbeat))]
[JsonSerializable(typeof(HeartbeatAnswer))]
[JsonSerializable(typeof(WorkerReport))]
[JsonSerializable(typeof(CheckpointWritten))]
[JsonSerializable(typeof(DirectiveAnswer))]
[JsonSerializable(typeof(ErrorAnswer))]
[JsonSerializable(typeof(StopRequest))]
[JsonSerializable(typeof(StoreRequest))]
[JsonSerializable(typeof(StoreAnswer))]
[JsonSerializable(typeof(LedgerEntry))]
[JsonSerializable(typeof(Shard))]
[JsonSerializable(typeof(IReadOnlyList<string>))]
public sealed partial class CoordinatorJson : JsonSerializerContext;

/// <summary>The answer to a report.</summary>
public sealed record DirectiveAnswer(Directive Directive);

/// <summary>Why a request was refused.</summary>
public sealed record ErrorAnswer(string Error);

/// <summary>Who wants the run to stop, in words.</summary>
public sealed record StopRequest(string By, bool AtOnce);
