namespace ClipTrain.DataPipeline.Loading;

/// <summary>A sample that could not be used and was skipped.</summary>
/// <param name="File">The file that it lies in.</param>
/// <param name="Row">Its row in the file, from 0.</param>
/// <param name="Reason">What is wrong with it.</param>
public sealed record BadSample(string File, long Row, string Reason)
{
    public override string ToString() => $"{File}:{Row}: {Reason}";
}
