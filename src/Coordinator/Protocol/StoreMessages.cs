namespace ClipTrain.Coordinator.Protocol;

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
