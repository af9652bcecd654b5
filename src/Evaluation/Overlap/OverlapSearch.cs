using ClipTrain.DataPipeline.Corpus;
using ClipTrain.Evaluation.Datasets;

namespace ClipTrain.Evaluation.Overlap;

/// <summary>The images of a set with the nearest ones of a corpus.</summary>
/// <param name="Set">The set.</param>
/// <param name="Images">Its usable images.</param>
/// <param name="Corpus">The corpus.</param>
/// <param name="Nearest">The nearest corpus image of each image, in order; empty if the corpus has no decodable image.</param>
internal sealed record OverlapSearch(
    IImageSet Set,
    IReadOnlyList<SetImage> Images,
    CorpusManifest Corpus,
    IReadOnlyList<NearestImage> Nearest
);
