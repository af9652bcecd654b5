using System.Text.Json;
using System.Text.Json.Serialization;

using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Coordinator.State;

/// <summary>How states and messages are written, on the wire and on disk. A loss may be NaN or infinite: written by name.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    UseStringEnumConverter = true,
    NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(RunState))]
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
[JsonSerializable(typeof(IReadOnlyList<string>))]
[JsonSerializable(typeof(PoolState))]
[JsonSerializable(typeof(ExperimentState))]
[JsonSerializable(typeof(NodeOffer))]
[JsonSerializable(typeof(RunAttempt))]
[JsonSerializable(typeof(LeaseRequest))]
[JsonSerializable(typeof(Lease))]
[JsonSerializable(typeof(LeaseAnswer))]
[JsonSerializable(typeof(ExperimentSpec))]
[JsonSerializable(typeof(RunStart))]
[JsonSerializable(typeof(RunEnd))]
public sealed partial class CoordinatorJson : JsonSerializerContext;

/// <summary>The answer to a report.</summary>
public sealed record DirectiveAnswer(Directive Directive);

/// <summary>Why a request was refused.</summary>
public sealed record ErrorAnswer(string Error);

/// <summary>Who wants the run to stop, in words.</summary>
public sealed record StopRequest(string By, bool AtOnce);
