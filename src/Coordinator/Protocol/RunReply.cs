using System.Text.Json.Serialization;

namespace ClipTrain.Coordinator.Protocol;

/// <summary>Reply to a message of a worker, node or command.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "type")]
[JsonDerivedType(typeof(Accepted), "accepted")]
[JsonDerivedType(typeof(Held), "held")]
[JsonDerivedType(typeof(Assigned), "assigned")]
[JsonDerivedType(typeof(Directed), "directed")]
[JsonDerivedType(typeof(HeartbeatReply), "heartbeat-answer")]
[JsonDerivedType(typeof(HeartbeatReplies), "heartbeat-answers")]
[JsonDerivedType(typeof(Refused), "refused")]
public abstract record RunReply
{
    private RunReply() { }

    public sealed record Accepted : RunReply;

    /// <summary>The reply comes with a later effect. Sending the same message again is harmless.</summary>
    public sealed record Held : RunReply;

    public sealed record Assigned(Assignment Assignment) : RunReply;

    public sealed record Directed(Directive Directive) : RunReply;

    public sealed record HeartbeatReply(HeartbeatAnswer Answer) : RunReply;

    /// <summary>A reply to each heartbeat of a batch, in order.</summary>
    /// <param name="Replies">Each a <see cref="HeartbeatReply"/> or <see cref="Refused"/>.</param>
    public sealed record HeartbeatReplies(IReadOnlyList<RunReply> Replies) : RunReply;

    public sealed record Refused(RefusalKind Kind, string Reason) : RunReply;
}

public enum RefusalKind
{
    UnknownWorker,

    /// <summary>The worker runs other code, another configuration or another corpus.</summary>
    Mismatch,

    /// <summary>Another process uses this worker's name.</summary>
    NameTaken,

    /// <summary>Another worker uses this worker's device.</summary>
    DeviceTaken,

    StaleGeneration,

    /// <summary>The request is not valid in the run's current phase.</summary>
    WrongPhase,

    /// <summary>The message contradicts the run's state or is malformed.</summary>
    Invalid,
}

/// <summary>The calls of a worker that can be held.</summary>
public enum HeldCall
{
    Join,
    Report,
}
