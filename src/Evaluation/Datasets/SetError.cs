using ClipTrain.DataPipeline.Corpus;

namespace ClipTrain.Evaluation.Datasets;

/// <summary>Errors of sets, which name the set first.</summary>
internal static class SetError
{
    public static CorpusException Of(string set, string message) => new($"Evaluation set '{set}': {message}");
}
