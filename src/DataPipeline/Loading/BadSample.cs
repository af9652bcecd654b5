using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Ordering;

namespace ClipTrain.DataPipeline.Loading;

/// <summary>A sample that could not be used and was skipped.</summary>
/// <param name="File">The file that it lies in.</param>
/// <param name="Row">Its row in the file, from 0.</param>
/// <param name="Reason">What is wrong with it.</param>
public sealed record BadSample(string File, long Row, string Reason)
{
    internal static BadSample Of(CorpusManifest manifest, SampleRef sample, string reason)
    {
        var (file, row) = manifest.Locate(sample.Index);
        return new BadSample(file, row, reason);
    }

    public override string ToString() => $"{File}:{Row}: {Reason}";
}
