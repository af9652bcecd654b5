using System.Text.Json.Serialization;
using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Coordinator.State;

/// <summary>JSON format of states and messages, on the wire and on disk. Non-finite numbers are written by name.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    UseStringEnumConverter = true,
    NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true
)]
[JsonSerializable(typeof(RunState))]
[JsonSerializable(typeof(List<Member>))]
[JsonSerializable(typeof(RunReply))]
[JsonSerializable(typeof(JoinRequest))]
[JsonSerializable(typeof(Heartbeat))]
[JsonSerializable(typeof(HeartbeatAnswer))]
[JsonSerializable(typeof(WorkerReport))]
[JsonSerializable(typeof(CheckpointWritten))]
[JsonSerializable(typeof(NodeReport))]
[JsonSerializable(typeof(NodeOrders))]
[JsonSerializable(typeof(WorkerExit))]
[JsonSerializable(typeof(RunSpec))]
[JsonSerializable(typeof(CheckpointMark))]
[JsonSerializable(typeof(Assignment))]
[JsonSerializable(typeof(Shard))]
[JsonSerializable(typeof(RunFilesOffer))]
[JsonSerializable(typeof(StoreRequest))]
[JsonSerializable(typeof(StoreAnswer))]
[JsonSerializable(typeof(LedgerEntry))]
[JsonSerializable(typeof(PoolState))]
[JsonSerializable(typeof(ExperimentState))]
[JsonSerializable(typeof(NodeOffer))]
[JsonSerializable(typeof(RunAttempt))]
[JsonSerializable(typeof(LeaseRequest))]
[JsonSerializable(typeof(Lease))]
[JsonSerializable(typeof(LeaseAnswer))]
[JsonSerializable(typeof(ExperimentSpec))]
[JsonSerializable(typeof(TrialStart))]
[JsonSerializable(typeof(TrialEnd))]
[JsonSerializable(typeof(PoolNodeState))]
[JsonSerializable(typeof(TrialReport))]
[JsonSerializable(typeof(TrialOrders))]
public sealed partial class CoordinatorJson : JsonSerializerContext;
