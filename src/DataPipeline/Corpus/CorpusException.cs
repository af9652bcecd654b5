namespace ClipTrain.DataPipeline.Corpus;

/// <summary>A corpus that cannot be used as it is. The message names the file and says what to do.</summary>
public sealed class CorpusException(string message, Exception? inner = null) : Exception(message, inner);
