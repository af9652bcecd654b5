using System.Globalization;

namespace ClipTrain.Coordinator.Core;

/// <summary>Worker ids carry the slot that the worker was started in: "worker-3". Ranks follow slots.</summary>
public static class WorkerIds
{
    private const string Prefix = "worker-";

    /// <summary>The id of the worker in slot 0, 1, …</summary>
    public static string ForSlot(int slot)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(slot);
        return string.Create(CultureInfo.InvariantCulture, $"{Prefix}{slot}");
    }

    /// <summary>The slot of a local worker's id.</summary>
    public static int SlotOf(string workerId) => int.Parse(workerId.AsSpan(Prefix.Length), NumberStyles.None, CultureInfo.InvariantCulture);
}
