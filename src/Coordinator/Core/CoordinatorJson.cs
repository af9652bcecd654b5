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
public sealed partial class CoordinatorJson : JsonSerializerContext;

/// <summary>The answer to a report.</summary>
public sealed record DirectiveAnswer(Directive Directive);

/// <summary>Why a request was refused.</summary>
public sealed record ErrorAnswer(string Error);

/// <summary>Who wants the run to stop, in words.</summary>
public sealed record StopRequest(string By, bool AtOnce);

/// <summary>What can be asked of the key-value store of a generation.</summary>
public enum StoreOp
{
    Set,

    /// <summary>Answered with the value when the key is there.</summary>
    Get,

    /// <summary>Adds to a decimal number; a key that is not there counts as 0.</summary>
    Add,

    /// <summary>Answered with 1 when the key is there and 0 when it is not.</summary>
    Check,

    /// <summary>Answered with 1 when the key was there and 0 when it was not.</summary>
    Delete,

    /// <summary>Answered when the key is there.</summary>
    Wait,
}

/// <summary>One operation on the key-value store through which the ranks of a generation meet.</summary>
/// <param name="WorkerId">Who asks, for messages.</param>
/// <param name="Value">What Set writes.</param>
/// <param name="Amount">What Add adds.</param>
public sealed record StoreRequest(string WorkerId, int Generation, StoreOp Op, string Key, byte[]? Value = null, long Amount = 0);

/// <param name="Value">What Get has read.</param>
/// <param name="Number">The sum after Add; the answer to Check and Delete.</param>
public sealed record StoreAnswer(byte[]? Value, long Number);

/// <summary>A line of the ledger: one of the two.</summary>
public sealed record LedgerEntry(
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] GenerationRecord? Generation = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] StepRecord? Step = null);
