using System.Text.Json;
using System.Text.Json.Serialization;

namespace ClipTrain.Coordinator.Core;

/// <summary>How states and messages are written, on the wire and on disk. A loss may be NaN or infinite: written by name.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    UseStringEnumConverter = true,
    NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(RunState))]
[JsonSerializable(typeof(RunMessage))]
[JsonSerializable(typeof(RunReply))]
[JsonSerializable(typeof(RunEffect))]
[JsonSerializable(typeof(JoinRequest))]
[JsonSerializable(typeof(Assignment))]
[JsonSerializable(typeof(Heartbeat))]
[JsonSerializable(typeof(WorkerReport))]
[JsonSerializable(typeof(CheckpointWritten))]
[JsonSerializable(typeof(DirectiveAnswer))]
[JsonSerializable(typeof(ErrorAnswer))]
[JsonSerializable(typeof(StopRequest))]
public sealed partial class CoordinatorJson : JsonSerializerContext;

/// <summary>The answer to a heartbeat or a report.</summary>
public sealed record DirectiveAnswer(Directive Directive);

/// <summary>Why a request was refused.</summary>
public sealed record ErrorAnswer(string Error);

/// <summary>Who wants the run to stop, in words.</summary>
public sealed record StopRequest(string By, bool AtOnce);
