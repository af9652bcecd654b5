namespace ClipTrain.DataPipeline.Corpus;

/// <summary>One row of a corpus.</summary>
/// <param name="Index">Its number in the corpus; <see cref="CorpusManifest.Locate"/> gives file and row.</param>
/// <param name="Image">The image file's bytes; empty where the corpus has none.</param>
/// <param name="Caption">The caption; null where the corpus has none.</param>
/// <param name="Label">The label; null where the corpus has none or no label column was named.</param>
public sealed record Sample(long Index, ReadOnlyMemory<byte> Image, string? Caption, string? Label);
