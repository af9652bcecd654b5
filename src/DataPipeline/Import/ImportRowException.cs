namespace ClipTrain.DataPipeline.Import;

/// <summary>A pair that cannot be imported. The import goes on without it.</summary>
/// <param name="reason">What is wrong, in the same words for all such pairs: reports count by it.</param>
/// <param name="detail">What is particular to this one.</param>
internal sealed class ImportRowException(string reason, string detail, Exception? inner = null) : Exception($"{reason}: {detail}", inner)
{
    public string Reason => reason;

    public string Detail => detail;
}
