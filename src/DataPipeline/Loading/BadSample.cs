namespace ClipTrain.DataPipeline.Loading;

/// <summary>A row that could not be used, and why.</summary>
public sealed record BadSample(string File, long Row, string Reason);
