namespace ClipTrain.DataPipeline.Ordering;

/// <summary>How the corpora of a mixture share the stream.</summary>
public enum MixtureSampling
{
    /// <summary>
    /// By their sizes times their weights: with equal weights all are passed through at one pace, as one corpus would be.
    /// </summary>
    Proportional,

    /// <summary>By their weights alone.</summary>
    Fixed,

    /// <summary>
    /// By their sizes to the power 1/T, times their weights: between the two (Devlin 2018, multilingual BERT; Conneau et al. 2020).
    /// </summary>
    Temperature,
}
