using ClipTrain.Evaluation.Datasets;

namespace ClipTrain.Bench.Overlap;

/// <summary>Ignores progress.</summary>
internal sealed class Silent : IEmbeddingObserver
{
    public void Embedded(string set, long done, long? total) { }

    public void Cached(string set, int images) { }

    public void LeftOut(string set, string key, string reason) { }
}
