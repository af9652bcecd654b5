namespace ClipTrain.DataPipeline.Import;

/// <summary>The arguments do not fit what lies in the output folder. The message says how and what to do.</summary>
public sealed class ImportRefusedException(string message) : Exception(message);
