namespace ClipTrain.Coordinator.Protocol;

/// <summary>What can be asked of the key-value store of a generation.</summary>
public enum StoreOp
{
    Set,

    /// <summary>Answered with the value when the key is there.</summary>
    Get,
}

/// <summary>One operation on the key-value store through which the ranks of a generation meet.</summary>
/// <param name="WorkerId">Who asks, for messages.</param>
/// <param name="Value">What Set writes.</param>
public sealed record StoreRequest(string WorkerId, int Generation, StoreOp Op, string Key, byte[]? Value = null);

/// <param name="Value">What Get has read; null for Set.</param>
public sealed record StoreAnswer(byte[]? Value);
