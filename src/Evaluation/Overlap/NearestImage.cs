namespace ClipTrain.Evaluation.Overlap;

/// <summary>A test image and the nearest image of the training corpus.</summary>
/// <param name="Image">Index of the test image.</param>
/// <param name="Sample">Sample index of the corpus image.</param>
/// <param name="Distance">Number of differing bits of their perceptual hashes, or 1 − cosine of their embeddings.</param>
public sealed record NearestImage(int Image, long Sample, double Distance);
