namespace ClipTrain.DataPipeline.Ordering;

/// <summary>A sample as one pass over the corpus sees it.</summary>
/// <param name="Epoch">The pass, from 0.</param>
/// <param name="Index">The sample's number in the corpus.</param>
public readonly record struct SampleRef(long Epoch, long Index);
